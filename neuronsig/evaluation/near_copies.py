"""Sentences that say the same in other letters: equal but for case, digits and marks."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuronsig.ragged import coded, lowered_lists
from neuronsig.splitmix import text_hashes

_NO_LETTER = r"[^\p{L}\p{M} ]+"


def sentence_keys(tokens: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """(sentences,) a number for each: that of its letters in lower case, digits and marks left out.

    Sentences without a letter have a key by their tokens.
    """
    whole = pc.binary_join(lowered_lists(tokens), " ")
    letters = pc.utf8_trim_whitespace(
        pc.replace_substring_regex(pc.replace_substring_regex(whole, _NO_LETTER, ""), " +", " ")
    )
    kept = pc.if_else(pc.equal(letters, ""), whole, letters)
    names, place = coded(kept)
    return text_hashes(names.to_pylist())[place]
