"""Add a corpus to a finished run (design section 4.4): annotate, tokenize and score only the new text.

The result is that of a run from scratch whose corpus lists the earlier sources and then the new ones: of equal texts
the earlier stays, the new sentences get the ids after the last one, and no file of the earlier text is touched. A
source whose name the run has already is numbered (`text_2`). The run's settings must be given again (annotator, model,
collect.k, ...): another value is refused by its name. What was tokenized and collected for `model=` is extended; for
the run's other models give the same command again with their `model=`. Killed, the same command goes on where it was.
Sentences are scored in other batches than from scratch, which may change the last bits of a score: of 6,000 sentences
(MiniLM, K = 1,000, a third of them appended) 0.02 % of the lists' members were others in bfloat16, and 16 % of the
ranks held another sentence than from scratch; in float32 0.0001 % and 0.08 %.
Signatures, clusters and report are then those of the earlier text: the summary names the jobs to run again.

Examples:
  neuronsig append corpus=text corpus.path=more run=runs/mine
  neuronsig append corpus=imdb data=../shared/data run=runs/six model=bert_base
"""

import dataclasses
from itertools import accumulate

from neuronsig.checkpoint import TokenizerSpec, load_tokenizer
from neuronsig.config import Config
from neuronsig.corpora.check import check_sources
from neuronsig.errors import PlanMismatchError
from neuronsig.run.appending import JOB, require_same, stale
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import additions
from neuronsig.run.stages import JOBS
from neuronsig_jobs import annotate, tokenize
from neuronsig_jobs.launch import Summary
from spark_jobs.sentence_table import read_whole
from spark_jobs.session import session_of_its_own


def run(config: Config) -> Summary:
    """Annotate, tokenize and score the corpus's new text, each as far as the finished run has done it."""
    config = dataclasses.replace(config, overwrite=False)  # what is there stays
    directory = RunDirectory.existing(config.run)
    check_sources(config.corpus)
    with directory.alone("append"):
        tokenizer = tokenizer_of(config, directory)
        with session_of_its_own():
            summary = annotate.append(config, directory)
            whole = read_whole(directory.sentences)
            if tokenizer is not None and whole is not None:
                summary |= tokenize.append(config, directory, tokenizer, list(accumulate(whole.parts)))
        if directory.stage_record(f"collect/{config.model.name}"):
            from neuronsig_jobs.collect import collect

            summary |= collect(config, directory, appending=True)
    later = stale(directory)
    return {**summary, **({"made before the text was appended": ", ".join(later)} if later else {})}


def tokenizer_of(config: Config, run: RunDirectory) -> TokenizerSpec | None:
    """The tokenizer of the model asked for; None in a run that is only annotated.

    Raises PlanMismatchError when the run has been tokenized or collected for other models only, or with other
    settings; InputError when one of the stages is not finished. Nothing expensive has been done then.
    """
    stages = run.record()["stages"]
    if not any(name.startswith("tokenize/") for name in stages):
        return None
    tokenizer = load_tokenizer(config.model)
    name, collected = JOBS["tokenize"].stage(tokenizer.name), JOBS["collect"].stage(config.model.name)
    models = [stage.partition("/")[2] for stage in stages if stage.startswith("collect/")]
    if name not in stages or (models and collected not in stages):
        have = f"collected {', '.join(models)}" if models else "tokenized for another model"
        raise PlanMismatchError(
            f"model={config.model.name}: run={run.root} has {have}; give {JOB} the model=... of the run, or first run "
            f"neuronsig {'collect' if name in stages else 'tokenize'} for this one"
        )
    require_same(run, name, stages[name], tokenize.make_plan(config, tokenizer, ""), ["inputs"])
    for stage in (name, collected):
        if stage in stages and stages[stage]["status"] != "complete" and not additions(stages[stage]["plan"]):
            run.fingerprint(stage, JOB)
    if collected in stages:
        from neuronsig_jobs.collect import require_same_settings

        require_same_settings(config, run)
    return tokenizer
