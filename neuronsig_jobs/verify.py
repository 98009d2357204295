"""Check a finished collection: files, counts, order and uniqueness of every list, and a sample scored from the text.

Reads RUN/topk/<model> (from collect), RUN/tokenized and RUN/sentences, and the model; writes nothing. A random sample
of stored rows is tokenized and scored again: plainly in float32, sentence by sentence, by code the collection does not
use, which must agree within a tolerance; and in the batches of the collection, which must give the same bits where
device class and library versions are those of the plan. What was scored must be in every list it belongs in. Ends with
an error when anything is wrong.

Example:  neuronsig verify run=runs/demo model=minilm verify.sample=1000
"""

from collections.abc import Sequence

from neuronsig.collection.topk import Keys
from neuronsig.collection.verify import DENSE, Check, ListChecks, check_files, sentence_files
from neuronsig.config import Config
from neuronsig.errors import InputError
from neuronsig.progress import say, show_table, task
from neuronsig_jobs.launch import Summary
from neuronsig_ray.finished_run import SAME_MODEL, finished_run
from neuronsig_ray.preflight import ready_session
from neuronsig_ray.verify.checks import TOKENS, Collection, group_files, recomputed


def run(config: Config) -> Summary:
    """Check the collection, and raise where a check fails."""
    finished, same = finished_run(config, "neuronsig verify")
    topk = finished.run.topk(config.model.name)
    files = group_files(finished.job, topk)
    named = [file.path if file else None for file in files]
    held = check_files(topk, named, [group.name for group in finished.job.groups])
    dense, texts = sentence_files(finished.run.sentences)
    lists = ListChecks(texts[-1].last + 1 if texts else 0)
    last: list[Keys] = []
    with task("checking lists", len(files), "groups") as bar:
        for file in files:
            keys = lists.group(file) if file else None
            last += [keys] if keys is not None else []
            bar.advance()
    checks = [same, held, dense, *lists.all]
    whole = [file for file in files if file is not None]
    if config.verify.sample and not same.wrong and len(last) == len(files):
        with ready_session(config):
            checks += recomputed(config, finished, texts, Collection(finished.job, whole, last))
    elif config.verify.sample:
        say("  no score is made again: model, files or lists are not the plan's")
    _show(checks)
    wrong = [check for check in checks if check.wrong]
    if wrong:
        remedy = {
            SAME_MODEL: "give the model=... that was collected with",
            DENSE: f"delete {finished.run.sentences} and run neuronsig annotate again",
            TOKENS: f"delete {finished.job.tokenized} and run neuronsig tokenize again",
        }.get(wrong[0].name, f"delete {topk} and run neuronsig collect again")
        raise InputError(
            f"{topk} fails {len(wrong)} of {len(checks)} checks; {wrong[0].name}: {wrong[0].wrong:,} of "
            f"{wrong[0].checked:,} are wrong, {wrong[0].first}; {remedy}"
        )
    counts = (finished.run.stage_record(f"collect/{config.model.name}") or {})["counts"]
    inexact = {key: value for key, value in counts.items() if key.startswith("inexact")}
    return {
        "checks": len(checks),
        "wrong": 0,
        "neurons": finished.job.rows,
        "sentences": finished.job.sentences,
        **inexact,
    }


def _show(checks: Sequence[Check]) -> None:
    rows = [(c.name, c.checked, c.wrong, c.first if c.wrong else c.worst) for c in checks]
    show_table("What was checked", ("check", "looked at", "wrong", ""), rows)
