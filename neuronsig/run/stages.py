"""The registry of jobs and of the stages that they leave in a run directory: one entry says all that is known of each.

The order of a pipeline, `neuronsig --help`, the settings shown and recorded, what a signature is shown with and the
command that makes it again are read off JOBS. The job itself is the module of its name in neuronsig_jobs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ENGINES = ("model", "spark", "ray")
"""Config sections that say what a job runs on, and not what it makes."""


@dataclass(frozen=True)
class JobSpec:
    """One job, `neuronsig NAME`, and the stage that it leaves in a run directory.

    Attributes:
        name: The word after `neuronsig`; the stage in run.json is called NAME or NAME/<what it is made for>.
        sections: Config sections that it reads: they are shown, and recorded with its stage.
        inputs: Jobs whose stages it is made from.
        tables: Files and folders that it writes, below the run directory; {} stands for what it is made for.
            A job without any leaves no stage.
        made_for: "model" or "tokenizer" where a run may hold a stage for each of several; else empty.
        results: What its stage adds to a signature, in words; empty where signatures are shown without it.
        in_pipeline: Whether `neuronsig pipeline` runs it.
        refuses: Whether results of another plan stay unless overwrite=true is given; else they are made again unasked,
            because nothing is lost by it.
        owns_sections: Whether its own sections are refused to jobs that read none of them, for they take its stage as
            it is and would ignore them without a word.
    """

    name: str
    sections: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    made_for: str = ""
    results: str = ""
    in_pipeline: bool = False
    refuses: bool = True
    owns_sections: bool = False

    def stage(self, made_for: str) -> str:
        """The name of its stage in run.json, for one model or tokenizer."""
        return f"{self.name}/{made_for}" if self.made_for else self.name

    @property
    def own_sections(self) -> tuple[str, ...]:
        """The sections that say what it makes."""
        return tuple(section for section in self.sections if section not in ENGINES)


_SIGNATURES = ("annotate", "collect", "mine")
"""Jobs whose stages signatures are made of; what is found about signatures is made from them too."""

_ENTRIES = (
    JobSpec("pipeline"),
    JobSpec("download", ("download",)),
    JobSpec(
        "annotate",
        sections=("corpus", "annotator", "spark"),
        tables=("sentences",),
        in_pipeline=True,
    ),
    JobSpec(
        "corpus_table",
        sections=("spark",),
        inputs=("annotate",),
        tables=("analysis/corpora.parquet",),
        results="the corpora in figures, which neurons are compared with",
        in_pipeline=True,
    ),
    JobSpec(
        "tokenize",
        sections=("model", "tokenize", "spark"),
        inputs=("annotate",),
        tables=("tokenized/{}",),
        made_for="tokenizer",
        in_pipeline=True,
        owns_sections=True,
    ),
    JobSpec(
        "collect",
        sections=("model", "collect", "ray"),
        inputs=("tokenize",),
        tables=("topk/{}",),
        made_for="model",
        in_pipeline=True,
    ),
    JobSpec(
        "mine",
        sections=("model", "mining", "spark"),
        inputs=("annotate", "collect"),
        tables=("signatures/{}", "profiles/{}"),
        made_for="model",
        in_pipeline=True,
    ),
    JobSpec(
        "cluster",
        sections=("model", "analysis", "ray"),
        inputs=_SIGNATURES,
        tables=("neurons/{}", "analysis/{}/clusters.json"),
        made_for="model",
        results="clusters, typical sentences and facets",
        in_pipeline=True,
    ),
    JobSpec(
        "triggers",
        sections=("model", "triggers", "ray"),
        inputs=_SIGNATURES,
        tables=("triggers/{}", "detectors/{}"),
        made_for="model",
        results="the words that carry the activation",
        in_pipeline=True,
        refuses=False,
    ),
    JobSpec(
        "evaluate",
        sections=("model", "evaluation", "ray"),
        inputs=_SIGNATURES,
        tables=("evaluation/{}",),
        made_for="model",
        results="the signature's score on unseen sentences",
        in_pipeline=True,
        refuses=False,
    ),
    JobSpec(
        "stability",
        sections=("model", "stability", "ray"),
        inputs=_SIGNATURES,
        tables=("analysis/{}/stability.parquet",),
        made_for="model",
        results="the agreement of halves of the corpus",
        refuses=False,
    ),
    JobSpec(
        "outliers",
        sections=("model", "outliers", "ray"),
        inputs=("annotate", "collect"),
        tables=("analysis/{}/outliers.parquet",),
        made_for="model",
        results="whether one thing dominates the top sentences",
        refuses=False,
    ),
    JobSpec(
        "report",
        sections=("model", "report"),
        inputs=_SIGNATURES,
        tables=("report/{}",),
        made_for="model",
        in_pipeline=True,
        refuses=False,
    ),
    JobSpec("show", ("model", "report")),
    JobSpec("find", ("model", "find")),
    JobSpec("verify", ("model", "verify", "ray")),
    JobSpec("append", ("corpus", "annotator", "model", "tokenize", "collect", "spark", "ray")),
    JobSpec("reinitialise", ("model", "reinitialise")),
    JobSpec(
        "estimate",
        sections=(
            *("corpus", "model", "tokenize", "collect", "mining", "analysis", "triggers", "evaluation"),
            *("ray", "hardware", "estimate"),
        ),
    ),
    JobSpec("train_annotators", ("train", "spark")),
)

JOBS: dict[str, JobSpec] = {job.name: job for job in _ENTRIES}
"""Every job by name; those that leave a stage stand in the order in which each finds what it reads."""


def pipeline_jobs() -> list[JobSpec]:
    """The jobs that `neuronsig pipeline` runs, in their order."""
    return [job for job in JOBS.values() if job.in_pipeline]


def sections_of(name: str) -> tuple[str, ...]:
    """Config sections that a job reads; the pipeline reads those of its jobs."""
    read_by = pipeline_jobs() if name == "pipeline" else [JOBS[name]]
    return tuple(dict.fromkeys(section for job in read_by for section in job.sections))


def input_stages(name: str, model: str) -> tuple[str, ...]:
    """Names of the stages that a model's stage of a job is made from, none of them a tokenizer's."""
    return tuple(JOBS[source].stage(model) for source in JOBS[name].inputs)


def in_order(stages: Iterable[str]) -> list[str]:
    """Names of stages in the order of their jobs, those of one job by name; of a job that is not known, at the end.

    >>> in_order(["mine/b", "report/a", "mine/a", "annotate"])
    ['annotate', 'mine/a', 'mine/b', 'report/a']
    """
    place = {name: number for number, name in enumerate(JOBS)}
    return sorted(stages, key=lambda name: (place.get(name.split("/")[0], len(place)), name))
