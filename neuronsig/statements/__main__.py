"""Compile the inner loops of statements now, so that no job has to wait for it: `python -m neuronsig.statements`.

It takes some seconds where they are not kept from before (neuronsig.miners.compiled), else a second.
"""

import sys

import numpy as np
from scipy import sparse

from neuronsig.statements.logistic import gains


def main() -> int:
    """Say what a column of two sentences tells, both ways there are."""
    scores, listed, column = np.zeros(2), np.array([True, False]), np.array([[True], [False]])
    gains(scores, listed, column)
    gains(scores, listed, sparse.csr_matrix(column.astype(np.float32)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
