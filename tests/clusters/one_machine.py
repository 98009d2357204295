"""The jobs that the clusters are compared with, one after the other in a process of its own.

python -m tests.clusters.one_machine run=RUN corpus.path=...
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from neuronsig_jobs.__main__ import main
from neuronsig_jobs.launch import for_job
from tests.neuronsig_ray.clusters import ROOT, environment

JOBS = ("annotate", "tokenize", "collect", "mine")
SPARK = [
    "spark.master=local[2]",
    "spark.driver_memory=2g",
    "spark.conf=['spark.driver.defaultJavaOptions=-XX:TieredStopAtLevel=1']",
]


def started(words: Sequence[str]) -> subprocess.Popen[str]:
    """The process; what it says is kept for `communicate`, up to what a pipe holds."""
    command = [sys.executable, "-m", __name__, *words, *SPARK]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


if __name__ == "__main__":
    sys.exit(next((code for job in JOBS if (code := main([job, "--brief", *for_job(sys.argv[1:], job)]))), 0))
