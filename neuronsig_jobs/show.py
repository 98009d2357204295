"""Print what neurons respond to: top sentences, words, patterns, parts of speech and metadata against the corpus.

Examples:
  neuronsig show run=runs/demo neuron=L4/U123
  neuronsig show run=runs/demo                     the most selective neurons
  neuronsig show run=runs/paper model=bert_base neuron=L7/U43
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from neuronsig.config import Config
from neuronsig.neuron import Neuron
from neuronsig.progress import console
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.freshness import say_left_out, say_missing
from neuronsig.signature.reader import SignatureReader
from neuronsig.signature.terminal import render_terminal
from neuronsig_jobs.launch import Summary, launch

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command-line words and return its exit code."""
    return launch(run, ("model", "report"), argv)


if __name__ == "__main__":
    sys.exit(main())
