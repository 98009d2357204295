"""The one file for spark-submit: `spark-submit --py-files neuronsig.whl neuronsig_submit.py JOB key=value ...`."""

import sys

from neuronsig_jobs.__main__ import main

if __name__ == "__main__":
    # Databricks and YARN take any SystemExit for a failure.
    if code := main():
        sys.exit(code)
