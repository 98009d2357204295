"""How good is a signature: does it tell which sentences, that mining has not seen, activate the neuron?

held_out     which sentences are scored, how many of them are positives, and blocks of neurons with their scores
ranking      average precision and AUROC of a ranking, exact with ties, with their confidence
classifier   a signature as a classifier: the bits that its patterns and the length give a sentence
judging      a block of neurons: every signature, its kinds weighed, against its words, length, another one, and chance
layers       the share of signatures that are better than those, by layer
"""
