"""One neuron's signature, read and put into words, for terminal and report alike.

view             all that is known of one neuron, as one record
reader           such records from a run directory, few scans for many neurons
highlight        top sentences, with the words that match
results          what jobs after mining found, where they have run
freshness        which of these results are of what the run holds now, and the commands that make the others
entries          the rows of patterns that a reader is shown, redundant ones under what they repeat
summary          a neuron in one sentence, of the statements that predict its list
wording          what jobs after mining found, in words
terminal         a signature at 80 columns
"""
