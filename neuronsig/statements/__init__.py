"""What can be said of a sentence, and the few statements that predict a neuron's list best.

tokens       a table of sentences as flat arrays: words, lemmas, tags, shapes, and where in its sentence each stands
families     the registry of kinds of statements: what of a sentence each is about, and how it reads
statement    what a statement is, alone or joined
columns      which sentences each statement holds of: a sparse matrix with a named column a statement
logistic     logistic regression on such columns, and how much each column not yet in it would tell
newton       the inner loops of the latter
screening    which of thousands of statements are looked at closely
selection    statements chosen one after the other, each by the bits that it adds to those before; and joined ones
evidence     how much likelier a statement is in a list than outside, with limits that hold for frequent ones too
training     lists and the text that they are set against
classes      several words that tell the same way, as one statement
weights      the weights of many statements at once: logistic regression and naive Bayes
signature    a neuron's statements and weights: what is told first, and all that predicts
groups       what sets groups of one list's sentences apart: facets
rows         the table of statements
wording      statements in words
"""
