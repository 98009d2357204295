"""The strongest tokens of top sentences, carried over Ray.

token_pass         top sentences forwarded once more, for triggers and outliers
token_activations  what one replica forwards, and how it is kept
locate             blocks of neurons located and covered
"""
