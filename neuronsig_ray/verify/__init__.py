"""A finished collection checked and scored again, carried over Ray.

checks   stored scores and lists against those made again
sample   which neurons and sentences are scored again
rescore  the scoring
"""
