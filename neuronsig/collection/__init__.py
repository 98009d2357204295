"""The collection: every neuron's exact top-K sentences, planned, checked and looked at (P1 3.1, 4.2).

shards        the unit of work: which sentences, in which batches
tokenizing    sentences to shards
topk          sorted lists of packed keys, and their merge
memory        what a replica holds at most
ladder        thresholds that replicas share
convergence   what each shard added to the lists
settling      when to stop early
verify        is a topk table what it says it is
spot_check    a sample of it, to be scored again
listed        the best sentences of all neurons, with their texts
dominance     lists that one document, word or token dominates
"""
