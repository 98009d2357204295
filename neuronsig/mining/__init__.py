"""Signatures: what a neuron's sentences have more often than a fair reference, from counts (P1 3.2, P2 step 3).

kinds               the five kinds of patterns: what of a sentence each is made of, how mined and counted
chosen              which neurons are mined
user_trees          bracketed trees that a user brings, in place of the dependency trees
keyness             effects, confidence limits and tests against a reference of the same lengths and domains
moments             lengths, places and shares from sums, and what profiles are compared with
profiling           one neuron's words, tags, metadata, lengths and places against the corpus
pattern_keyness     its patterns, judged
redundancy          patterns that say what another one says
pattern_rows        what is mined of neurons, counted and judged, as rows of bytes
halves              the signatures of both halves of the corpus
stability           how far those agree

How patterns are found and counted, fast, is `neuronsig.miners`.
"""
