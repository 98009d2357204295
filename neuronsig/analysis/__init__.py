"""Neurons compared: their vectors, clusters, facets and rankings (P1 4.1, 4.3)."""
