"""What has to be run again after text was appended."""

from __future__ import annotations

from pathlib import Path

from neuronsig.run.appending import stale
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import grown

MADE_FROM = {
    "tokenize/t": ("annotate",),
    "collect/m": ("tokenize/t",),
    "mine/m": ("annotate", "collect/m"),
    "report/m": ("mine/m", "cluster/m"),
    "cluster/m": ("annotate", "collect/m", "mine/m"),
    "stability/m": ("annotate", "collect/m", "mine/m"),
    "evaluate/m": ("annotate", "collect/m", "mine/m"),
    "triggers/m": ("annotate", "collect/m", "mine/m"),
    "outliers/m": ("annotate", "collect/m"),
    "corpus_table": ("annotate",),
    "collect/b": ("tokenize/t",),
    "mine/b": ("annotate", "collect/b"),
    "a later job/m": ("mine/m",),
}


def make(run: RunDirectory, *names: str) -> None:
    for name in names:
        plan = {"inputs": {source: run.fingerprint(source, "t") for source in MADE_FROM[name]}}
        with run.stage(name, plan, [], {}, overwrite=True):
            pass


def test_every_stage_made_before_text_was_appended_is_named_in_the_order_of_the_jobs(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run")
    with run.stage("annotate", {"corpus": "a"}, [], {}):
        pass
    make(run, *sorted(MADE_FROM, key=lambda name: (name.startswith("report"), list(MADE_FROM).index(name))))
    assert stale(run) == []
    entry = run.stage_record("annotate")
    assert entry is not None
    with run.stage("annotate", grown(entry, {"corpus": "b"}), [], {}):
        pass
    make(run, "tokenize/t", "collect/m")
    later = ["mine/m", "cluster/m", "triggers/m", "evaluate/m", "stability/m", "outliers/m", "report/m"]
    others = ["corpus_table", "collect/b", "mine/b"]
    assert stale(run) == [*others, *later, "a later job/m"]
    make(run, "corpus_table", "mine/m", "triggers/m")
    rest = [name for name in later if name not in ("mine/m", "triggers/m")]
    assert stale(run) == ["collect/b", "mine/b", *rest, "a later job/m"]
