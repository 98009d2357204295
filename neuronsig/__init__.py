"""What both engines share, with no engine in it: tables, top-K, statistics, patterns, figures, report."""

__version__ = "0.1.0"
