"""The strongest tokens of top sentences, carried over Ray.

token_pass  top sentences forwarded once more, for triggers and outliers
locate      blocks of neurons located and covered
"""
