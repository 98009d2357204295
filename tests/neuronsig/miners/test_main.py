"""What `python -m neuronsig.miners` compiles."""

import subprocess
import sys

# In a process of its own: in this one other tests may have mined before.
MINE_ALL = """
from neuronsig.kinds import pattern_kinds
from neuronsig.miners import counting, frequent, growth, mined_patterns, output, trees
from neuronsig.miners.__main__ import main
from neuronsig.mining.kinds import KindCounter, mine_kind
from tests.neuronsig.miners.encoded import dictionary_of, random_rows, sentences_of
from tests.neuronsig.mining.test_kinds import ALL

MODULES = (counting, frequent, growth, mined_patterns, output, trees)
KERNELS = {name: one for of in MODULES for name, one in vars(of).items() if hasattr(one, "nopython_signatures")}

def compiled():
    return {name: len(kernel.nopython_signatures) for name, kernel in KERNELS.items()}

main()
before = compiled()
for kind in pattern_kinds():
    sentences, dictionary = sentences_of(random_rows(0)), dictionary_of()
    found = mine_kind(kind, sentences, dictionary, ALL)
    KindCounter(kind, found.items, found.offsets, dictionary, ALL).count(sentences)
assert compiled() == before
print(*(name for name, number in before.items() if number))
"""


def test_what_is_compiled_beforehand_is_all_that_mining_and_counting_need():
    done = subprocess.run([sys.executable, "-c", MINE_ALL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"mine", "mine_itemsets", "walk", "breadth_first"} <= set(done.stdout.split())
