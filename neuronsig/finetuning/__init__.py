"""Labelled documents that a model is fine-tuned on, and how well it then knows their labels; no engine is in it.

examples    documents that a run leaves out, as the model's tokens with a label each; which of them train, which test
batches     which examples are in which batch, however many workers there are
"""
