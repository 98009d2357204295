"""The collection of every neuron's top-K sentences."""
