"""Print what neurons respond to: top sentences, words, patterns, parts of speech and metadata against the corpus.

Of a unit that is constant, one line says so.

Examples:
  neuronsig show L4/U123 run=runs/demo             the same as neuron=L4/U123
  neuronsig show run=runs/demo                     the most selective neurons
  neuronsig show run=runs/paper model=bert_base neuron=L7/U43
"""

from collections.abc import Sequence

from neuronsig.config import Config
from neuronsig.constant_units import count_units
from neuronsig.neuron import Neuron
from neuronsig.progress import console
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.freshness import say_freshness
from neuronsig.signature.reader import SignatureReader
from neuronsig.signature.terminal import render_constant, render_terminal
from neuronsig_jobs.launch import Summary, launch

SHOWN_BY_DEFAULT = 3


def run(config: Config) -> Summary:
    """Render `config.neuron`, or the most selective neurons, on the terminal; writes nothing."""
    directory = RunDirectory.existing(config.run)
    reader = SignatureReader(directory, config.model.name, config.report.show_sentences)
    if config.neuron:
        neuron = Neuron.parse(config.neuron)
        if neuron in reader.constant:
            render_constant(neuron, reader.constant[neuron], console)
            return {"neurons shown": 0, "constant units": count_units(reader.constant)}
        neurons = [reader.require(neuron)]
    else:
        neurons = reader.most_selective(SHOWN_BY_DEFAULT)
    for view in reader.views(neurons):
        render_terminal(view, console)
    say_freshness(reader.missing, reader.left_out, dict(reader.earlier))
    return {"neurons shown": f"{len(neurons):,} of {len(reader.neurons):,}"}


def main(words: Sequence[str]) -> int:
    """Entry point: a word that is neither a key's value nor an option is the neuron."""
    free = [word for word in words if "=" not in word and word[:1] not in ("-", "~")]
    settings = [word for word in words if word not in free]
    return launch("show", run, [*settings, *[f"neuron={' '.join(free)}"] * bool(free)])
