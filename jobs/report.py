"""Build the report: a static site with a page for each neuron, searchable, that opens from a file.

Examples:
  python -m jobs.report run=runs/demo
  python -m jobs.report run=runs/paper model=bert_base report.sentences=50
"""

from __future__ import annotations

import sys

from jobs.launch import Summary, launch, stage_config
from neuronsig.config import Config, as_plan
from neuronsig.progress import say
from neuronsig.report import build, inputs_fingerprint
from neuronsig.rundir import RunDirectory, fingerprint_files


def run(config: Config) -> Summary:
    """Build `report/<model>/` again when a table, figure or setting it shows has changed; returns its counts."""
    directory = RunDirectory.existing(config.run)
    model = config.model.name
    stages = directory.record()["stages"]
    done = [name for name in (f"cluster/{model}", "corpus_table") if stages.get(name, {}).get("status") == "complete"]
    inputs = [f"mine/{model}", *done]
    figures = [
        p for folder in (directory.analysis(model), directory.analysis()) for p in folder.glob("*.*") if p.is_file()
    ]
    plan = {
        "report": as_plan(config.report),
        "inputs": {name: directory.fingerprint(name, "report") for name in inputs},
        "figures": fingerprint_files(figures),
        "templates": inputs_fingerprint(),
    }
    index = directory.report / "index.html"
    # Nothing in a report is lost by making it again, so another plan is no reason to refuse.
    with directory.stage(
        f"report/{model}", plan, [directory.report / model], stage_config(config, ("report",)), overwrite=True
    ) as stage:
        if not stage.done or not index.exists():
            built = build(directory, model, config.report)
            stage.counts |= {
                "neuron pages": built.pages,
                "neurons in which nothing stands out": built.silent,
                "largest neuron page, bytes": built.largest_page,
                "site, bytes": built.bytes,
            }
    say(f"\nreport: {index.resolve()}")
    return {**stage.counts, "report": str(index.resolve())}


if __name__ == "__main__":
    sys.exit(launch(run, ("model", "report")))
