"""The strongest tokens of top sentences."""
