"""A sentence as integers: one encoding that mining, evaluation, triggers and stability share.

counting     in how many sentences words, metadata values, tags and labels occur, batch by batch
vocabulary   what has a code, and which sentences are alike; the corpus's, with its counts, as a table
sentences    sentences to codes: flat arrays, and rows of bytes
text         sentences with a vocabulary made of themselves
"""
