"""The one file for spark-submit: `spark-submit --py-files neuronsig.whl neuronsig_submit.py JOB key=value ...`."""

from neuronsig_jobs.__main__ import submitted

if __name__ == "__main__":
    submitted()
