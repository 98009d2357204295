"""Frequent patterns on integer-encoded sentences, with no engine: what one neuron's sentences have in common.

    frequent    sequences, itemsets and subtrees that many sentences hold (itemsets: Eclat)
    growth      what grows sequences and subtrees, for mining and for counting (PrefixSpan, FREQT)
    trie        given patterns as a prefix tree
    counting    in how many sentences given patterns occur, and in which
    trees       dependency and constituency trees as arrays
    brackets    trees as text
    mined_patterns  what a miner returns: the patterns, their supports, and the support that was applied
    output      what a miner's kernel writes, and the tasks that wait
    containment whether one pattern or sentence holds another, in plain Python, for what must start at once
    marking     which words of a sentence are part of a pattern
    compiled    the compiler of the inner loops
    __main__    compiles them all beforehand, which `make setup` does

What of a sentence the five kinds of patterns are made of is `neuronsig.mining.kinds`.
Import the module you need: this package imports none of them, because most of them start numba.
"""
