"""Where in a sentence an activation is strongest, and what is there.

words         the model's tokens as the annotator's words
model_tokens  sentences in the model's tokens, and the parts in which its replicas forward them
locate        the strongest token of each sentence, its word, the trigger, and the rows of both tables
votes         the patterns of a signature that are looked for
cover         which pattern of the signature holds the trigger, or how far the nearest one is
detectors     what the triggers of a neuron's sentences have in common
"""
