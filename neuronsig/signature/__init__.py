"""One neuron's signature, read and put into words, for terminal and report alike.

reader           signatures from a run directory, few scans for many neurons
top_sentences    their top sentences, marked
measures         what a profile says beside the reference
findings         what jobs after mining found, where they have run
view             all that is known of one neuron, as one record
frequency        relative frequencies from mining's counts
salience         which statistics stand out enough to be told
summary          a neuron in one sentence
wording          what jobs after mining found, in words
folded           evidence, repetitions under what they repeat
highlight        which words of a sentence match
freshness        which of these results are of what the run holds now
remake_command   the command that makes those that are not
mining_command   the command that mines one more neuron
terminal         a signature at 80 columns
"""
