"""The collection: every neuron's exact top-K sentences, planned, checked and looked at (P1 3.1, 4.2).

shards           the unit of work: which sentences, in which batches
tokenizing       sentences to shards
shard_files      a shard's text and lists in memory
job              what a collection is: the units it looks at, the shards it reads, the order of its rows
topk             sorted lists of packed keys, and their merge
tree_reduce      such files to the topk table
memory           what a replica and a task of the reduce hold at most
thresholds       what shards say of every neuron's K-th best score
convergence      what each shard added to the lists, and when enough of them do not change any more
verify           is a topk table what it says it is
spot_check       a sample of it, to be scored again
dominance        lists that one document, word or token dominates
"""
