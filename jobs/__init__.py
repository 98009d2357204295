"""`neuronsig NAME` in a checkout is neuronsig_jobs.NAME; this folder is not installed."""

from neuronsig_jobs import __path__ as __path__
