"""Build the report: a static site with a page for each neuron, searchable, that opens from a file.

On a store (run=s3://...) the site is uploaded there: serve it from the bucket, or copy it to a folder to look at it.

Examples:
  neuronsig report run=runs/demo
  neuronsig report run=runs/paper model=bert_base report.sentences=50
"""

from neuronsig.config import Config
from neuronsig.progress import say
from neuronsig.report.build import build, inputs_fingerprint
from neuronsig.report.front_page import FEATURED
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import fingerprint_files
from neuronsig.signature.freshness import freshness, say_freshness
from neuronsig.storage.files import list_files
from neuronsig.storage.location import absolute
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter, inputs_of


def run(config: Config) -> Summary:
    """Build `report/<model>/` again when a table, figure or setting it shows has changed; returns its counts."""
    directory = RunDirectory.existing(config.run)
    model = config.model.name
    figures = [file for folder in (directory.analysis(model), directory.analysis()) for file in list_files(folder)]
    found = freshness(directory, model, "neuronsig report")
    inputs = inputs_of(config, "report", earlier=True) | found.current
    plan = {
        "report": {"sentences": config.report.sentences, "featured": FEATURED},
        "inputs": inputs,
        "figures": fingerprint_files(figures),
        "templates": inputs_fingerprint(),
        **({"earlier": list(found.earlier)} if found.earlier else {}),
    }
    index = directory.report / "index.html"
    there = index.exists() and (directory.report / model / "index.html").exists()
    # The stage has no outputs to delete: the old site is read while the new one is built, and `build` puts the new one
    # in its place.
    with enter(config, "report", plan, outputs=[]) as stage:
        if not stage.done or not there:
            stage.counts |= build(directory, model, config.report.sentences)
    say_freshness({}, found.left_out, found.earlier)
    say(f"\nreport: {absolute(index)}")
    left_out = {"left out": ", ".join(found.left_out)} if found.left_out else {}
    return {**stage.counts, **left_out, "report": absolute(index)}
