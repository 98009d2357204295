"""The sentences that no signature is made from, so that signatures can be judged on what they have not seen.

Held out are whole documents, because sentences of one document have its topic, its author and often their words in
common; or sentences one by one, where there are no documents.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuronsig.errors import InputError
from neuronsig.ragged import coded, one_array
from neuronsig.splitmix import text_hashes, uniform

NO_IDS = (
    "sentences/ column 'doc_id' is empty in places, and whole documents are held out; give documents ids, or hold out "
    "sentences with mining.holdout_by=sentence"
)
_SEED = 0x6E6575726F6E  # any constant: whoever splits by the same hash must not split alike


@dataclass(frozen=True)
class Holdout:
    """About `share` (0 to below 1) of the documents (or of the sentences) is held out.

    A pure function of the document's domain and id (of the sentence's id), so that it stays on its side when text is
    appended, whatever the shards and the order.
    """

    share: float = 0.0
    by: str = "document"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the sentences table that decide it."""
        return ("sentence_id",) if self.by == "sentence" else ("domain", "doc_id")

    def of(self, rows: pa.RecordBatch | pa.Table) -> NDArray[np.bool_]:
        """Which rows are held out: bool (rows,). Raises InputError where a document has no id."""
        if not self.share or not rows.num_rows:
            return np.zeros(rows.num_rows, bool)
        if self.by == "sentence":
            return is_held_out(one_array(rows.column("sentence_id")).to_numpy(), self.share)
        keys = [one_array(rows.column(name)).fill_null("") for name in self.columns]
        names, place = coded(pc.binary_join_element_wise(*keys, "\t"))
        return is_held_out(_hashes(names.to_pylist()), self.share)[place]

    def without(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that are not held out."""
        out = self.of(batch)
        return batch.filter(pa.array(~out)) if out.any() else batch


def _hashes(documents: Sequence[str]) -> NDArray[np.int64]:
    if any(document.endswith("\t") for document in documents):
        raise InputError(NO_IDS)
    return text_hashes(documents)


def is_held_out(ids: NDArray[np.integer], share: float) -> NDArray[np.bool_]:
    """Which ids are held out: bool (ids,), about `share` of any set of them."""
    return uniform(ids, _SEED) < share
