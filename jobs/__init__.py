"""In a checkout, `python -m jobs.NAME` is `neuronsig NAME`; this folder is not installed."""

import sys

from neuronsig_jobs.__main__ import main

__path__: list[str] = []  # there is no module here: Python imports this package before it looks for jobs.NAME
asked = next((word for flag, word in zip(sys.orig_argv, sys.orig_argv[1:], strict=False) if flag == "-m"), "")
if asked.startswith("jobs."):
    sys.exit(main([asked.removeprefix("jobs."), *sys.argv[1:]]))
