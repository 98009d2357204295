"""How good is a signature: does it tell which sentences, that mining has not seen, activate the neuron?

held_out     which sentences are scored, how many of them are positives, and blocks of neurons with their scores
near_copies  which of them mined text has too
word_order   the same sentences with their words shuffled, and what a neuron makes of that
ranking      average precision and AUROC of a ranking, exact with ties, and what each sentence contributes
intervals    their 95 % limits, and those of differences, which hold where there are few positives
baselines    classifiers that get all that a signature gets
judging      a block of neurons: every signature, its kinds weighed, against baselines, another one, and chance
layers       the share of signatures that are better than those, by layer
"""
