"""Sentence and neuron vectors, clusters and facets."""
