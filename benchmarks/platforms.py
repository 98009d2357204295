"""What a platform costs: the same sentences on this machine alone, and on a YARN, its HDFS and a Ray cluster.

    python -m benchmarks.platforms                      # about half an hour on 2 cores
    python -m benchmarks.platforms --sentences 2000     # a few minutes

Real daemons on this machine: two datanodes, two node managers, a driver in cluster mode and two executors of one core
(deploy/yarn.sh, with the packed environment), and two raylets of one core (`ray job submit`). Alone, Spark runs as
local[2] and the collection in two replicas of one core, so that both sides have the same cores for the same work.

"Command" are seconds from the command to its end, what a user waits; "stage" are those that run.json tells, without
the start of JVM, YARN application, Ray and interpreter. The daemons themselves run on the same cores as the work: on
two cores that is part of what is told as the platform's. That all tables are equal is checked.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import machine, options, table
from benchmarks.texts import sentences
from neuronsig.progress import say
from neuronsig.run.directory import RunDirectory
from neuronsig_jobs.launch import for_job
from tests.clusters import minihadoop
from tests.clusters.equal_runs import require_same
from tests.clusters.yarn import TWO_EXECUTORS, upload_environment, yarn_environment
from tests.neuronsig_ray.clusters import ROOT, Node, environment, free_port, still_cluster

JOBS = {"annotate": "annotate", "tokenize": "tokenize/", "collect": "collect/minilm", "mine": "mine/minilm"}
"""Job -> what the name of its stage begins with."""

HERE = [sys.executable, "-m", "neuronsig_jobs"]
ALONE = ["spark.master=local[2]", "spark.driver_memory=3g"]
MINED = ",".join(f"L{layer}/U{unit}" for layer in (1, 6) for unit in range(0, 384, 24))


@dataclass(frozen=True)
class Seconds:
    command: float
    stage: float


def settings(texts: Path, k: int) -> list[str]:
    """What every job is told on both sides."""
    collected = [f"collect.k={k}", "collect.dtype=float32", "ray.replicas=2", "ray.replica_cpus=1", "ray.gpus='0'"]
    return ["corpus=text", f"corpus.path={texts}", *collected, f"mining.neurons=[{MINED}]"]


def timed(start: list[str], job: str, run: RunDirectory, words: list[str], env: Mapping[str, str]) -> Seconds:
    """Run one job to its end. Raises CalledProcessError, after its output, where it fails."""
    command = [*start, job, "--brief", f"run={run.root}", *for_job(words, job)]
    clock = time.monotonic()
    said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    spent = time.monotonic() - clock
    if said.returncode:
        say(said.stdout[-3000:] + said.stderr[-3000:])
    said.check_returncode()
    (name,) = (name for name in run.record()["stages"] if name.startswith(JOBS[job]))
    stage = float(run.record()["stages"][name]["seconds"])
    say(f"{job}: {spent:.0f} s, of them the stage {stage:.0f} s")
    return Seconds(spent, stage)


@contextmanager
def platform(folder: Path) -> Iterator[tuple[str, dict[str, tuple[list[str], Mapping[str, str]]]]]:
    """The HDFS's address, and by job what is put before its words there and in which environment."""
    (folder / "hadoop").mkdir()
    (folder / "ray").mkdir()
    dashboard = free_port()
    with minihadoop.running(folder / "hadoop") as hadoop, still_cluster(folder / "ray", (Node(), Node()), dashboard):
        hadoop.start_yarn()
        say("packing the environment for YARN")
        yarn = yarn_environment(hadoop, upload_environment(hadoop, folder), options=TWO_EXECUTORS)
        submitted = [sys.executable, "-m", "ray.scripts.scripts", "job", "submit"]
        submitted += ["--address", f"http://127.0.0.1:{dashboard}", "--", *HERE]
        spark = ([str(ROOT / "deploy" / "yarn.sh")], yarn)
        yield hadoop.uri, {job: (submitted, environment()) if job == "collect" else spark for job in JOBS}


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--k", type=int, default=200)
    arguments = parser.parse_args()
    say(machine())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        texts = folder / "texts"
        texts.mkdir()
        (texts / "all.txt").write_text("\n\n".join(sentences("", arguments.sentences)), encoding="utf-8")
        words = settings(texts, arguments.k)
        here = RunDirectory(folder / "alone" / "run")
        alone = {job: timed(HERE, job, here, [*words, *ALONE], environment()) for job in JOBS}
        with platform(folder) as (uri, ways):
            there = RunDirectory(f"{uri}/runs/there")
            spread = {job: timed(ways[job][0], job, there, words, ways[job][1]) for job in JOBS}
            require_same(here, there)
        kept = here.record()["stages"]["annotate"]["counts"]["sentences kept"]
    say(f"\n{kept:,} sentences, K = {arguments.k}, {MINED.count('/')} neurons mined; all tables are equal.\n")
    say(told(alone, spread))
    return 0


def told(alone: Mapping[str, Seconds], spread: Mapping[str, Seconds]) -> str:
    """A row a job, and their sum."""
    rows = []
    for job in [*alone, "all"]:
        sides = [[side[job]] if job in side else list(side.values()) for side in (alone, spread)]
        commands, stages = ([sum(getattr(s, part) for s in side) for side in sides] for part in ("command", "stage"))
        where = {"collect": "2 raylets", "all": ""}.get(job, "YARN, 2 executors")
        rows.append([job, where, commands[0], stages[0], commands[1], stages[1], commands[1] - commands[0]])
    columns = ["", "there", "command alone, s", "stage alone, s", "command there, s", "stage there, s", "overhead, s"]
    return table(columns, rows)


if __name__ == "__main__":
    sys.exit(main())
