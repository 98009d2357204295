"""A sentence as integers: one encoding that mining, evaluation, triggers and stability share.

vocabulary   the words, metadata values, tags and labels that have codes
strata       which sentences are alike in length and domain
counting     in how many sentences each of them occurs, batch by batch
dictionary   a vocabulary with the corpus's counts, as a table
encoder      sentences to codes
sentences    encoded sentences as flat arrays, and as rows of bytes
text         sentences with a vocabulary made of themselves
words        their words alone
"""
