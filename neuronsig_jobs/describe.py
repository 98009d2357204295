"""What of a sentence predicts that it is among a neuron's top sentences? The statements that are told of each neuron.

Reads RUN/topk/<model> (from collect), RUN/signatures/<model> and RUN/profiles/<model> (from mine) and the sentences of
RUN/sentences that were mined, for the neurons that were mined (mining.neurons, layers, selective, signs).
The sentences of a neuron's list are set against a sample of the text: statements about words, tags, lemmas, shapes,
affixes, beginnings and ends, counts, length, trees, metadata, place, and the patterns mined, are chosen one after the
other, each by the bits that it adds to those before it (ten at most, which are told), and then all that an L1 penalty
leaves, of which the hundred strongest, words of a kind taken together, have weights of their own. Something is told
where one statement is credible among all statements of all neurons; of what is told beside it one in twenty may say
nothing. Writes RUN/statements/<model>, a row a statement. The documents that mining left out (mining.holdout) are in no
list and no sample. The same command again does only what is missing.

Example:  neuronsig describe run=runs/demo model=minilm
"""

from neuronsig.config import Config
from neuronsig.run.directory import RunDirectory
from neuronsig.statements.signature import RULES
from neuronsig.storage.parquet import check_table
from neuronsig.tables import SENTENCES, SIGNATURES, TOPK
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter_on_ray, inputs_of
from neuronsig_ray.describe import describe


def run(config: Config) -> Summary:
    """Describe every neuron that was mined, unless it is done already."""
    directory, name = RunDirectory(config.run), config.model.name
    inputs = inputs_of(config, "describe")
    with enter_on_ray(config, "describe", {"inputs": inputs, "rules": RULES}) as (stage, start_ray):
        if not stage.done:
            check_table(directory.sentences, SENTENCES)
            check_table(directory.topk(name), TOPK)
            check_table(directory.signatures(name), SIGNATURES)
            start_ray()
            stage.begin()
            stage.counts = describe(directory, name, directory.mined_with(name), stage.fingerprint)
    return {**stage.counts, "table": str(directory.statements(name))}
