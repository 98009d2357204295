"""Neurons compared, from the vectors of their sentences and from their profiles (P1 4.1, 4.3).

vectors       of sentences and of neurons, and typical sentences
word_vectors  fastText word vectors, trained or read
clusters      of neurons, against their layers, and a map of them
facets        the things that one neuron answers to
rankings      neurons by how selectively they respond
"""
