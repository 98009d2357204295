"""Ray side: shard plan, model replicas, commits, tree reduce, vectors, clusters."""
