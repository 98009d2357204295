"""Spark side: readers, annotation, tokenization, mining. DataFrame in, DataFrame out."""
