"""Corpora in their native formats, with no engine in it: bytes to documents, each with a verdict.

formats     the formats by name, most in a file of their own; rows has JSON Lines, CSV, Parquet
document    what a parser yields, and how bytes become its paragraphs
markup      Markdown and reStructuredText to paragraphs; wikitext the same for Wikipedia
files       how its bytes are opened: files as they are packed, stretches of large files
archives    the same of members of archives
listing     what lies at its path, and what is passed over there
plan        which files a source is read from, how they are dealt to tasks, how many sentences their sizes tell
reserve     documents that a run leaves out, for fine-tuning
check       whether every source is there and of the format named
download    one file over HTTP
"""
