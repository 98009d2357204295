"""Carries the core over Ray; each wing is the Ray side of a job.

session       the cluster, and what it has
pool          replicas, what each reserves, and the wait for a cluster's nodes
preflight     whether a cluster's nodes can do the job
tasks         functions as tasks, objects as actors: how many at once, results, errors
blocks        tables made a block of neurons each, and committed
finished_run  the finished collection that a job looks at again
triggers      the strongest tokens of its top sentences
model/        the inspected model in inference, and where its activations are read
collect/      the collection of every neuron's top-K sentences
evaluate/     signatures judged on sentences that mining never saw, and their stability
verify/       a finished collection checked and scored again
cluster/      sentence and neuron vectors, clusters and facets
"""
