"""Where in a sentence an activation is strongest, and what is there.

words       the model's tokens as the annotator's words
locate      the trigger of each sentence: the word with the highest activation, and how much sits on one token
cover       which pattern of the signature holds the trigger, or how far the nearest one is
detectors   what the triggers of a neuron's sentences have in common
"""
