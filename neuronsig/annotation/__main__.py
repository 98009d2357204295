"""Compile the parser's inner loops now, so that no job has to wait for it: `python -m neuronsig.annotation`.

It takes a dozen seconds where they are not kept from before (neuronsig.miners.compiled), else a second.
"""

import sys

import pyarrow as pa

from neuronsig.annotation.parser import DependencyParser

_WEIGHTS = "perceptron.seen=[1]\nperceptron.learning={\nbias{\n[0:0,1,0]\n}\n}\n"


def main() -> int:
    """Parse a sentence of two words."""
    parser = DependencyParser(f"tagger.classes=[NN|VB]\ntagger.tag_dict=[word=0]\n\n{_WEIGHTS}", _WEIGHTS)
    parser.heads(pa.array([["word", "another"]]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
