"""Corpora in their native formats, with no engine in it: bytes to documents, each with a verdict.

formats     the formats by name, most in a file of their own; rows has JSON Lines, CSV, Parquet
document    what a parser yields, and how bytes become its paragraphs
markup      Markdown and reStructuredText to paragraphs; wikitext the same for Wikipedia
files       where a corpus lies: folders, archives, stretches of large files
plan        which files a source is read from, how they are dealt to tasks, how many sentences their sizes tell
check       whether every source is there and of the format named
download    one file over HTTP
"""
