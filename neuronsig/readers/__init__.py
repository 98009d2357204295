"""Rows of a run's tables, read for some neurons or sentences, so that nothing else is held.

No engine is in it: a job calls these functions in its own process, and Ray's tasks carry them, a file each.

neurons      rows of some neurons
top_lists    the neurons' top-K lists
sentences    sentences by id
"""
