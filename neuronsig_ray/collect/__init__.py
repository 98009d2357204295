"""The collection of every neuron's top-K sentences, carried over Ray.

prepare         from a config to a job: units, machine, plan
memory_check    has the machine the memory and the disk
make            from pending shards to the topk table, committed step by step
collection      shards to replicas by Ray Data, then the tree reduce
scorer          one replica: a shard scored and committed
selection       the running top-K of a shard on the device
convergence     what each shard added to the lists
process_memory  a replica's own memory
"""
