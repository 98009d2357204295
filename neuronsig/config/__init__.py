"""The configuration's schema: one dataclass a Hydra group, a sentence under every field, and its bounds.

`conf/` holds the values; this package says what they mean and which are possible; `neuronsig.config.compose` merges
both with the command line. `Config` is the whole, and the way in:

text         corpora, their download, annotation, shards, training of annotators
collection   the model, the collection, and what looks at it again
signatures   their mining, and what is done with them: evaluation, triggers, stability, analysis, search, report
machines     Spark, Ray, hardware and size of an estimate
fields       what sections are made of
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from neuronsig.config.collection import (
    CollectConfig,
    FinetuneConfig,
    ModelConfig,
    OutliersConfig,
    ReinitialiseConfig,
    VerifyConfig,
)
from neuronsig.config.fields import check_section, option, require
from neuronsig.config.machines import EstimateConfig, HardwareConfig, RayConfig, SparkConfig
from neuronsig.config.signatures import (
    AnalysisConfig,
    EvaluationConfig,
    FindConfig,
    MiningConfig,
    ReportConfig,
    StabilityConfig,
    TriggersConfig,
)
from neuronsig.config.text import AnnotatorConfig, CorpusConfig, DownloadConfig, TokenizeConfig, TrainConfig
from neuronsig.config.text import SourceConfig as SourceConfig
from neuronsig.neuron import Neuron
from neuronsig.storage.address import local_path


@dataclass
class Config:
    """Everything one run is made of."""

    run: str = option(
        "runs/default",
        "run directory; every table, figure and run.json goes there: a path, or a URI (s3://bucket/run, hdfs://, gs://,"
        " abfs://) of a store that the package for it (pip install s3fs, hdfs-native, gcsfs, adlfs) and, for the Spark "
        "jobs, your Spark's Hadoop connector (hadoop-aws for s3; hdfs needs none) open; keys and endpoint as those "
        "packages read them (AWS_*, HADOOP_CONF_DIR)",
    )
    data: str = option("data", "folder of the corpora; NEURONSIG_DATA sets it too")
    overwrite: bool = option(False, "delete this job's results of another plan or of earlier rules and make them again")
    neuron: str = option("", "the neuron that neuronsig show prints, as L4/U123; empty: the most selective ones")
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    annotator: AnnotatorConfig = field(default_factory=AnnotatorConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    tokenize: TokenizeConfig = field(default_factory=TokenizeConfig)
    collect: CollectConfig = field(default_factory=CollectConfig)
    verify: VerifyConfig = field(default_factory=VerifyConfig)
    outliers: OutliersConfig = field(default_factory=OutliersConfig)
    mining: MiningConfig = field(default_factory=MiningConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    triggers: TriggersConfig = field(default_factory=TriggersConfig)
    reinitialise: ReinitialiseConfig = field(default_factory=ReinitialiseConfig)
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)
    stability: StabilityConfig = field(default_factory=StabilityConfig)
    find: FindConfig = field(default_factory=FindConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    spark: SparkConfig = field(default_factory=SparkConfig)
    ray: RayConfig = field(default_factory=RayConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)
    estimate: EstimateConfig = field(default_factory=EstimateConfig)
    download: DownloadConfig = field(default_factory=DownloadConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def check(self) -> None:
        """Check every bound; raises ConfigError for the first value that is impossible."""
        require(self.run != "", "run", "''", "a path")
        if local_path(self.run) is None:
            from neuronsig.storage.location import check_scheme

            check_scheme(self.run, "run")
        require(
            not self.run.startswith("/Workspace/"),
            "run",
            self.run,
            "where Spark's workers can write",
            "use /Volumes/...",
        )
        if self.neuron:
            Neuron.parse(self.neuron)
        for section in dataclasses.fields(self):
            value = getattr(self, section.name)
            if dataclasses.is_dataclass(value):
                check_section(value, section.name)


Section = TypeVar("Section")


def from_plan(section: type[Section], recorded: Mapping[str, Any]) -> Section:
    """A section as a stage's record has it, the inverse of `as_plan`: keys that are gone are dropped, keys that it was
    made without have their defaults."""
    known = {entry.name for entry in dataclasses.fields(section)}  # type: ignore[arg-type]
    return section(**{key: value for key, value in recorded.items() if key in known})


def as_plan(section: Any) -> dict[str, Any]:
    """A section as plain data, to be kept in a stage's plan and compared on resume."""
    return dataclasses.asdict(section)
