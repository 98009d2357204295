"""Run every job in order: text -> sentences -> tokens -> top-K -> signatures -> vectors, triggers, scores -> report.

Each job runs in a process of its own, so that Spark and the model never compete for the machine, and does only
what is missing: the same command again goes on where the last one stopped.

Examples:
  neuronsig pipeline preset=demo
  neuronsig pipeline corpus=six data=../shared/data run=runs/six
  neuronsig pipeline corpus=text corpus.path=my_texts run=runs/mine

With spark.submit=... and ray.submit=... the jobs are given to a Spark cluster and a Ray cluster (deploy/): each is
submitted and waited for, and leaves its tables in run=..., a place that both clusters and this machine see. The same
command again goes on likewise.
"""

import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from neuronsig.config import Config
from neuronsig.corpora.plan import estimated_sentences
from neuronsig.errors import ConfigError, NeuronsigError, TooLittleTextError
from neuronsig.neuron import Neuron
from neuronsig.progress import say
from neuronsig.run.directory import RunDirectory
from neuronsig.run.interruption import SIGNALS, ToldInterruption, interrupted
from neuronsig.run.stages import JOBS, pipeline_jobs
from neuronsig.storage.files import read_bytes, remove
from neuronsig.storage.location import absolute
from neuronsig.storage.parquet import check_table
from neuronsig.tables import SENTENCES
from neuronsig_jobs.launch import ERROR_FILE, Summary, for_job, launch

HERE = [sys.executable, "-m", "neuronsig_jobs"]
"""What runs a job on this machine."""

AGAIN_AFTER = (10, 60)
"""Seconds after which a job that the cluster did not begin is submitted again: its own services may start late."""


class StageError(NeuronsigError):
    """A job of the pipeline ended with an error, which it has printed itself."""


def check(config: Config) -> None:
    """Find, in seconds and before any engine starts, what would stop a job an hour from now."""
    from neuronsig.analysis.clusters import check_clusters
    from neuronsig.analysis.word_vectors import check_vectors
    from neuronsig.annotation.sentences import wordpiece_json
    from neuronsig.checkpoint import load_tokenizer, model_config
    from neuronsig.corpora.check import check_sources
    from neuronsig.mining.user_trees import tree_units
    from neuronsig_jobs.collect import groups_of

    check_submission(config)
    check_sources(config.corpus)
    folder, _ = model_config(config.model)
    groups = groups_of(config, folder)
    check_rules(config, load_tokenizer(config.model).name)
    units = {(group.site, group.layer): group.units for group in groups}
    for name in config.mining.neurons:
        neuron = Neuron.parse(name)
        if neuron.unit >= units.get((neuron.site, neuron.layer), 0):
            raise ConfigError(
                f"mining.neurons={name}: collected of {config.model.name} are "
                f"{', '.join(f'{group.name} (units 0 to {group.units - 1})' for group in groups)}; choose one of those"
            )
    if not set(config.mining.signs) <= set(config.collect.signs):
        raise ConfigError(f"mining.signs={config.mining.signs}: the signs collected are {config.collect.signs}")
    layers = sorted({group.layer for group in groups})
    for layer in config.mining.layers:
        if layer not in layers:
            raise ConfigError(f"mining.layers={layer}: the layers collected are {', '.join(map(str, layers))}")
    if config.mining.trees:
        tree_units(config.mining.trees)
    wordpiece_json(config.annotator.wordpieces)
    check_vectors(config.analysis)
    by_site = [sum(g.units for g in groups if g.site == site) for site in config.collect.sites]
    check_clusters(config.analysis.clusters, min(by_site) * len(config.collect.signs))
    if config.spark.master and not config.spark.submit:
        import pyspark

        from spark_jobs.connect import is_wished, refusal
        from spark_jobs.java import choose_java

        if not is_wished(config.spark):
            choose_java(pyspark.__version__)
        elif not finished(config, "annotate"):
            raise refusal("annotation, by Spark NLP,")
    if not config.ray.submit:
        from neuronsig_ray.collect.prepare import require_memory
        from neuronsig_ray.pool import replica_pool, resources
        from neuronsig_ray.session import address_of

        if not address_of(config.ray):
            pool = replica_pool(config.ray, resources(config.ray), shards=max(config.ray.replicas, 1))
            if not finished(config, f"collect/{config.model.name}"):
                require_memory(config, pool, folder, groups, least_sentences(config))


def check_rules(config: Config, tokenizer: str) -> None:
    """Raise PlanMismatchError where the run holds a stage of other rules that its job would refuse to make again."""
    if not config.overwrite:
        jobs = [job for job in pipeline_jobs() if job.refuses]
        names = (job.stage(tokenizer if job.name == "tokenize" else config.model.name) for job in jobs)
        RunDirectory(config.run).require_rules(*names)


def check_submission(config: Config) -> None:
    """Raise ConfigError where jobs are to be submitted with a program that is not here, or to a run that is."""
    for key, command in (("spark.submit", config.spark.submit), ("ray.submit", config.ray.submit)):
        if not command:
            continue
        try:
            program = shlex.split(command)[0]
        except ValueError as error:
            raise ConfigError(f"{key}={command}: is no command line ({error}); mend its quotes") from None
        if shutil.which(program) is None:
            raise ConfigError(
                f"{key}={command}: there is no program {program} on this machine; install it or give its path"
            )
        if "://" not in config.run and not Path(config.run).is_absolute():
            raise ConfigError(
                f"run={config.run}: must be a URI or an absolute path, for {key} runs jobs on other machines, which "
                "must see the same folder"
            )


def finished(config: Config, stage: str) -> bool:
    """Whether the run holds a stage that this command will not make again."""
    record = RunDirectory(config.run).stage_record(stage)
    return record is not None and record["status"] == "complete" and not config.overwrite


def least_sentences(config: Config) -> int:
    """Sentences that will be collected from, at least.

    Those of the table, where it is made; else a tenth of what the sizes of the corpus's files tell, for much of a
    file may be other columns, or dropped.
    """
    if finished(config, "annotate"):
        return check_table(RunDirectory(config.run).sentences, SENTENCES)
    return estimated_sentences(config.corpus) // 10


def run_stages(config: Config, words: Sequence[str]) -> Summary:
    """Run the jobs one after the other with the same `key=value` words; stop at the first that fails.

    A job that the text is too little for is no failure: what it says is shown, and the others go on without it.
    """
    RunDirectory.create(config.run)
    check(config)
    seconds, left_out = {}, {}
    jobs = [job.name for job in pipeline_jobs()]
    # What is submitted takes the session that is there.
    given = ["spark=submitted", *words] if config.spark.submit else words
    for number, name in enumerate(jobs, start=1):
        say(f"\n[{number}/{len(jobs)}] neuronsig {name}")
        started = time.monotonic()
        submitter, command = submitter_of(config, name), [name, "--brief", *for_job(given, name)]
        code = submit(config, submitter, command) if submitter else ended([*HERE, *command])
        if code == TooLittleTextError.exit_code:
            left_out[name] = "see its error above"
        elif code != 0:
            raise StageError(
                f"neuronsig {name} {how_ended(code)}; mend it and run the same command again: what is done stays done"
            )
        seconds[name] = round(time.monotonic() - started, 1)
    ended([*HERE, "show", "--brief", *for_job(words, "show")])
    index = RunDirectory(config.run).report / "index.html"
    total = round(sum(seconds.values()), 1)
    return {"seconds": seconds, "left out": left_out, "all stages, seconds": total, "report": absolute(index)}


def submitter_of(config: Config, job: str) -> list[str]:
    """The command line with which a job is given to a cluster; empty where it runs here."""
    sections = JOBS[job].sections
    if "spark" in sections:
        return shlex.split(config.spark.submit)
    return shlex.split(config.ray.submit) if "ray" in sections else []


def submit(config: Config, submitter: list[str], command: list[str]) -> int:
    """Give a job to a cluster and wait for it; returns neuronsig's exit code, which the cluster keeps to itself.

    Raises StageError unless the run directory, as it is seen from here, then holds a finished stage of the job.
    """
    run, job = RunDirectory(config.run), command[0]
    file = run.root / f".{job}-error.json"
    remove(file)
    before = run.record()["stages"]
    for seconds in (*AGAIN_AFTER, 0):
        try:
            code = ended([*submitter, *command, f"{ERROR_FILE}{absolute(file)}"])
        except ToldInterruption:
            raise KeyboardInterrupt from None  # which submitters do not tell
        if code == 0 or file.exists() or not seconds or run.record()["stages"] != before:
            break
        say(f"neuronsig {job} was not begun (exit code {code}, see above); submitted again in {seconds} s")
        time.sleep(seconds)
    if code != 0:
        if not file.exists():
            return code
        told = json.loads(read_bytes(file))
        remove(file)
        say(f"error of neuronsig {job}: {told['error']}")
        return int(told["exit_code"])
    stages = run.record()["stages"]
    if not any(name.split("/")[0] == job and entry["status"] == "complete" for name, entry in stages.items()):
        raise StageError(
            f"neuronsig {job} was submitted and ended well, but run={config.run} holds no finished stage of it; give a "
            "run=... that the cluster and this machine both see"
        )
    return 0


def ended(command: Sequence[str]) -> int:
    """The exit code of a command that is run and waited for.

    An interruption is handed on to it, which it says itself and ends in order. Raises KeyboardInterrupt then, also
    where the command alone was interrupted.
    """
    process = subprocess.Popen(command)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.send_signal(interrupted() or signal.SIGINT)
        code = process.wait()
        if code - 128 not in SIGNALS:
            raise
    if code - 128 in SIGNALS:
        raise ToldInterruption(code - 128)
    return code


def how_ended(code: int) -> str:
    """What is said of a job's exit code; a negative one is the signal that ended it."""
    if code >= 0:
        return f"ended with exit code {code} (see above)"
    memory = ", as a machine does that is out of memory" if -code == signal.SIGKILL else ""
    return f"was ended by signal {-code} ({signal.strsignal(-code)}){memory}"


def main(given: Sequence[str]) -> int:
    """Entry point; the words are handed on to every job as they are."""
    words = [word for word in given if "=" in word or word.startswith("~")]
    return launch("pipeline", lambda config: run_stages(config, words), given)
