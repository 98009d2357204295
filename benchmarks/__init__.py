"""Benchmarks: `python -m benchmarks.NAME` from the repository's root prints a Markdown table of what it measured."""
