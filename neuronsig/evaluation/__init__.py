"""How good is a signature: does it tell which sentences, that mining has not seen, activate the neuron?

held_out     which sentences are scored, and how many of them are positives
ranking      average precision and AUROC of a ranking, exact with ties, with their confidence
classifier   a signature as a classifier: the bits that its patterns and the length give a sentence
weighing     how much each kind of its evidence counts
blocks       blocks of neurons, and their scores on held-out sentences
judging      a block of neurons: every signature against its words, length, another neuron's, and chance
layers       the share of signatures that are better than those, by layer
"""
