"""The collection: every neuron's exact top-K sentences, planned, checked and looked at (P1 3.1, 4.2).

shards           the unit of work: which sentences, in which batches
tokenizing       sentences to shards
shard_text       a tokenized shard in memory
job              what a collection is: the units it looks at, the shards it reads, the order of its rows
topk             sorted lists of packed keys, and their merge
shard_lists      files of a shard's lists
tree_reduce      such files to the topk table
memory           what a replica and a task of the reduce hold at most
score_quantiles  what a shard says of every neuron's K-th best score
thresholds       what a replica knows of it from committed shards
convergence      what each shard added to the lists
early_stop       when enough lists do not change any more
verify           is a topk table what it says it is
spot_check       a sample of it, to be scored again
listed           the best sentences of all neurons, with their texts
dominance        lists that one document, word or token dominates
"""
