"""Where in a sentence an activation is strongest, and what is there.

words         the model's tokens as the annotator's words
model_tokens  sentences in the model's tokens, and the parts in which its replicas forward them
locate        the strongest token of each sentence, how much of the activation sits on it, and its word, the trigger
cover         which pattern of the signature holds the trigger, or how far the nearest one is
detectors     what the triggers of a neuron's sentences have in common
rows          all of these for some neurons, as rows of tables
"""
