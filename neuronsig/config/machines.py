"""Where Spark and Ray run, and the hardware and job that an estimate is for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from neuronsig.config.fields import option, require, require_each


@dataclass
class SparkConfig:
    """Where Spark runs."""

    master: str = option("local[*]", "Spark master, or sc://HOST:PORT; empty: what spark-submit or Databricks gives")
    driver_memory: str = option("4g", "JVM heap of the driver (of everything, when local)")
    nlp_package: str = option(
        "com.johnsnowlabs.nlp:spark-nlp_2.12:5.5.3", "Maven coordinate of Spark NLP; empty: already on the classpath"
    )
    nlp_jar: str = option("", "Spark NLP's assembly jar, for machines without a Maven repository")
    nlp_excludes: list[str] = option(
        [
            "com.johnsnowlabs.nlp:tensorflow-cpu_2.12",
            "com.johnsnowlabs.nlp:jsl-llamacpp-cpu_2.12",
            "com.johnsnowlabs.nlp:jsl-openvino-cpu_2.12",
            "com.microsoft.onnxruntime:onnxruntime",
        ],
        "native deep-learning parts of Spark NLP that are not fetched; [] for pretrained deep annotators",
    )
    shuffle_partitions: int = option(
        0, "spark.sql.shuffle.partitions; 0: twice the cores, at least 8; a cluster's own", least=0
    )
    conf: list[str] = option([], "further Spark settings, as \"spark.conf=['spark.KEY=VALUE','spark.KEY=VALUE']\"")
    submit: str = option(
        "",
        'what neuronsig pipeline puts before `JOB key=value ...` of its Spark jobs, as "spark-submit --master yarn'
        ' ... deploy/neuronsig_submit.py"; empty: they run on this machine',
    )

    def check(self, key: str) -> None:
        ok = bool(re.fullmatch(r"\d+[kmgKMG]", self.driver_memory))
        require(ok, f"{key}.driver_memory", self.driver_memory, "a number with k, m or g, as in 4g")
        for setting in self.conf:
            require("=" in setting, f"{key}.conf", setting, "of the form spark.KEY=VALUE")


@dataclass
class RayConfig:
    """Where Ray runs, and how many replicas of the model."""

    address: str = option("", "Ray cluster address, auto, or empty: RAY_ADDRESS, else a local one is started")
    replicas: int = option(0, "model replicas; 0: one for each GPU, or one on CPU for each replica_cpus", least=0)
    max_replicas: int = option(0, "replicas that a job may grow to as a cluster has room; 0: no more than replicas")
    replica_cpus: int = option(
        0,
        "CPU cores (and torch threads) of a replica; 0: as the collection was begun, else all of a CPU machine, 1 on a "
        "cluster or beside a GPU",
        least=0,
    )
    gpus: str = option(
        "auto", "auto: a GPU for each replica where there are any; 0: CPU only; 1: GPU required, a cluster's waited for"
    )
    wait_seconds: int = option(
        900, "seconds to wait for a cluster to have room for ray.replicas, or for the first one; it may scale from zero"
    )
    object_store_mb: int = option(256, "object store of a local Ray, in MiB")
    submit: str = option(
        "",
        'what neuronsig pipeline puts before `JOB key=value ...` of its Ray jobs, as "ray job submit --address '
        'http://head:8265 -- neuronsig"; empty: they run on this machine',
    )

    def check(self, key: str) -> None:
        ok = self.max_replicas == 0 or self.max_replicas >= max(self.replicas, 1)
        require(ok, f"{key}.max_replicas", self.max_replicas, f"0, or at least ray.replicas={self.replicas}")
        require(self.wait_seconds > 0, f"{key}.wait_seconds", self.wait_seconds, "above 0")
        require(self.gpus in ("auto", "0", "1"), f"{key}.gpus", self.gpus, "auto, 0 or 1")
        require(self.object_store_mb >= 80, f"{key}.object_store_mb", self.object_store_mb, "80 MiB or more")


@dataclass
class HardwareConfig:
    """The hardware that `neuronsig estimate` calculates for."""

    name: str = option("2 cores with AMX", "name printed with the estimate")
    replicas: int = option(1, "devices that run the model")
    gpu: bool = option(False, "whether these devices are GPUs, with memory of their own")
    tflops: float = option(1.68, "measured matmul peak of one device, TFLOP/s, in the dtype used")
    utilisation: float = option(0.4, "share of the peak that the forward pass reaches")
    spark_cores: int = option(2, "cores that Spark has")
    annotate_rate: float = option(295.0, "sentences annotated a second and core, heads included")
    mine_seconds: float = option(0.85, "core-seconds of one neuron's patterns at K = 10,000, mined and judged")

    def check(self, key: str) -> None:
        rates = ("replicas", "tflops", "utilisation", "spark_cores", "annotate_rate", "mine_seconds")
        require_each(self, key, rates, lambda value: value > 0, "above 0")


@dataclass
class EstimateConfig:
    """The size of the job that `neuronsig estimate` prices."""

    sentences: int = option(
        0, "sentences; 0: those of the run's sentences/ table, else told from the sizes of the corpus's files", least=0
    )
    tokens_per_sentence: float = option(25.0, "word pieces a sentence, special tokens included, when not measured")

    def check(self, key: str) -> None:
        require(self.tokens_per_sentence > 0, f"{key}.tokens_per_sentence", self.tokens_per_sentence, "above 0")
