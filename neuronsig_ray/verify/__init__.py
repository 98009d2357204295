"""A finished collection checked and scored again, carried over Ray.

checks   which neurons and sentences are scored again, and how they compare with what is stored
rescore  the scoring
"""
