"""Print what neurons respond to: top sentences, words, patterns, parts of speech and metadata against the corpus.

Examples:
  python -m jobs.show run=runs/demo neuron=L4/U123
  python -m jobs.show run=runs/demo                     the most selective neurons
  python -m jobs.show run=runs/paper model=bert_base neuron=L7/U43
"""

from __future__ import annotations

import sys

from jobs.launch import Summary, launch
from neuronsig.config import Config
from neuronsig.neuron import Neuron
from neuronsig.progress import console
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.currency import say_left_out, say_missing
from neuronsig.signature.reader import SignatureReader
from neuronsig.signature.terminal import render_terminal

SHOWN_BY_DEFAULT = 3


def run(config: Config) -> Summary:
    """Render `config.neuron`, or the most selective neurons, on the terminal; writes nothing."""
    directory = RunDirectory.existing(config.run)
    reader = SignatureReader(directory, config.model.name, config.report.show_sentences)
    if config.neuron:
        neurons = [reader.require(Neuron.parse(config.neuron))]
    else:
        neurons = reader.most_selective(SHOWN_BY_DEFAULT)
    for view in reader.views(neurons):
        render_terminal(view, console)
    say_missing(reader.missing)
    say_left_out(reader.left_out)
    return {"neurons shown": f"{len(neurons):,} of {len(reader.neurons):,}"}


if __name__ == "__main__":
    sys.exit(launch(run, ("model", "report")))
