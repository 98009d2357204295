"""The registry of jobs and of the stages that they leave in a run directory: one entry says all that is known of each.

The order of a pipeline, `neuronsig --help`, the settings shown and recorded, what a signature is shown with and the
command that makes it again are read off JOBS. The job itself is the module of its name in neuronsig_jobs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

ENGINES = ("model", "spark", "ray")
"""Config sections that say what a job runs on, and not what it makes."""


@dataclass(frozen=True)
class JobSpec:
    """One job, `neuronsig NAME`, and the stage that it leaves in a run directory.

    Attributes:
        name: The word after `neuronsig`; the stage in run.json is called NAME or NAME/<model>.
        sections: Config sections that it reads: they are shown, and recorded with its stage.
        inputs: Jobs whose stages it is made from.
        tables: Files and folders that it writes, below the run directory; {} stands for the model's name (or the
            tokenizer's). A job without any leaves no stage.
        results: What its stage adds to a signature, in words; empty where signatures are shown without it.
        in_pipeline: Whether `neuronsig pipeline` runs it.
        refuses: Whether results of another plan stay unless overwrite=true is given; else they are made again unasked,
            because nothing is lost by it.
        owns_sections: Whether its own sections are refused to jobs that read none of them, for they take its stage as
            it is and would ignore them without a word.
        changes: What has changed in its output where its settings and inputs are the same, a few words a change, the
            oldest first. Each raises the version of its rules by one; whoever has an older stage is told them.
    """

    name: str
    sections: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    results: str = ""
    in_pipeline: bool = False
    refuses: bool = True
    owns_sections: bool = False
    changes: tuple[str, ...] = ()

    @property
    def rules(self) -> int:
        """The version of the rules that its output follows; the first is 1."""
        return 1 + len(self.changes)

    @property
    def per_model(self) -> bool:
        """Whether a run may hold a stage of it for each of several models (or tokenizers)."""
        return any("{}" in table for table in self.tables)

    def stage(self, model: str) -> str:
        """The name of its stage in run.json, for one model (or tokenizer)."""
        return f"{self.name}/{model}" if self.per_model else self.name

    @property
    def own_sections(self) -> tuple[str, ...]:
        """The sections that say what it makes."""
        return tuple(section for section in self.sections if section not in ENGINES)


_SIGNATURES = ("annotate", "collect", "mine")
"""Jobs whose stages signatures are made of; what is found about signatures is made from them too."""

_COSTLY = ("corpus", "model", "tokenize", "collect", "mining", "analysis", "triggers", "evaluation")
"""Sections that the cost of a run depends on."""

_ENTRIES = (
    JobSpec("pipeline"),
    JobSpec("download", ("download",)),
    JobSpec(
        "annotate", ("corpus", "annotator", "spark"), (), ("sentences",), in_pipeline=True,
        changes=(
            "linked folders and more packings are read, odd bytes, ids and values cost only themselves, Windows-1252 "
            "marks are mended, combining marks stay in their word, old Gutenberg headers are left out",
        ),
    ),
    JobSpec(
        "corpus_table", ("spark",), ("annotate",), ("analysis/corpora.parquet",),
        "the corpora in figures, which neurons are compared with", in_pipeline=True,
    ),
    JobSpec(
        "tokenize", ("model", "tokenize", "spark"), ("annotate",), ("tokenized/{}",),
        in_pipeline=True, owns_sections=True,
    ),
    JobSpec(
        "collect", ("model", "collect", "ray"), ("tokenize",), ("topk/{}",), in_pipeline=True,
        changes=("units that are the same for every sentence are told, and left out by what reads the lists",),
    ),
    JobSpec(
        "mine", ("model", "mining", "spark"), ("annotate", "collect"), ("signatures/{}", "profiles/{}"),
        in_pipeline=True,
        changes=("what every sentence has, a domain say, has a G2 of 0 where it had none",),
    ),
    JobSpec(
        "describe", ("model", "ray"), _SIGNATURES, ("statements/{}",), "what predicts the neuron's list",
        in_pipeline=True, refuses=False,
        changes=(
            "weights no longer differ between processes, where metadata stood in an order of each one's own",
            "statements after a list's first are those of the false-discovery rate itself, not of one up to 4 % lower",
        ),
    ),
    JobSpec(
        "cluster", ("model", "analysis", "ray"), _SIGNATURES, ("neurons/{}", "analysis/{}/clusters.json"),
        "clusters, typical sentences and facets", in_pipeline=True,
    ),
    JobSpec(
        "triggers", ("model", "triggers", "ray"), _SIGNATURES, ("triggers/{}", "detectors/{}"),
        "the words that carry the activation", in_pipeline=True, refuses=False,
    ),
    JobSpec(
        "evaluate", ("model", "evaluation", "ray"), (*_SIGNATURES, "describe"), ("evaluation/{}",),
        "the signature's score on unseen sentences", in_pipeline=True, refuses=False,
    ),
    JobSpec(
        "stability", ("model", "stability", "ray"), _SIGNATURES, ("analysis/{}/stability.parquet",),
        "the agreement of halves of the corpus", refuses=False,
    ),
    JobSpec(
        "outliers", ("model", "outliers", "triggers", "ray"), ("annotate", "collect"),
        ("analysis/{}/outliers.parquet",), "whether one thing dominates the top sentences", refuses=False,
    ),
    JobSpec("report", ("model", "report"), _SIGNATURES, ("report/{}",), in_pipeline=True, refuses=False),
    JobSpec("show", ("model", "report")),
    JobSpec("find", ("model", "find")),
    JobSpec("verify", ("model", "verify", "ray")),
    JobSpec("append", ("corpus", "annotator", "model", "tokenize", "collect", "spark", "ray")),
    JobSpec("reinitialise", ("model", "reinitialise")),
    JobSpec("finetune", ("model", "finetune", "ray")),
    JobSpec("estimate", (*_COSTLY, "ray", "hardware", "estimate")),
    JobSpec("train_annotators", ("train", "spark")),
)  # fmt: skip

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
