"""Frequent patterns on integer-encoded sentences, with no engine: what one neuron's sentences have in common.

    sequences   words or tags in order, over gaps (P1 3.2: PrefixSpan)
    itemsets    words, tags and metadata values that occur together (FPGrowth)
    subtrees    parts of syntax trees (P2 step 3: FREQT)
    kinds       the five kinds of patterns: what of a sentence each is made of
    counting    in how many sentences given patterns occur
    trees       dependency and constituency trees as arrays, and as brackets
    found       what a miner returns: the patterns, their supports, and the support that was applied
    reference   the definitions, slow: what the tests compare with

Import the module you need: this package imports none of them, because most of them start numba.
"""
