"""Sentence and neuron vectors, clusters and facets, carried over Ray.

neurons      from top lists to the table of NEURONS: vectors, typical sentences, clusters
facet_tasks  what a neuron's sentences fall into
"""
