"""The collection of every neuron's top-K sentences, carried over Ray.

prepare         from a config to a job: units, machine, plan, and the memory and disk for it
make            from pending shards to the topk table, committed step by step
collection      shards to replicas by Ray Data, then the tree reduce
scorer          one replica: a shard scored and committed
selection       the running top-K of a shard on the device
"""
