"""Signatures judged on sentences that mining never saw, and their stability, carried over Ray.

evaluation  from signatures to the table of EVALUATION
heldout     activations on the held-out sentences
judge       blocks of neurons judged
stability   signatures of two halves of the corpus compared
"""
