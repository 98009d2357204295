"""Documents that a run leaves out, so that a model may be fine-tuned on text that no comparison scores.

Which ones is a pure function of the document's id and the source's `reserve`, the share that is left out.
"""

from collections.abc import Iterable, Iterator

from neuronsig.config import SourceConfig
from neuronsig.corpora.document import Document
from neuronsig.splitmix import text_hashes, uniform

RESERVED = "reserved"
"""Why a run skips such a document."""
_SEED = 0x66696E6574756E65  # another than those of what is held out and of references


def left_out(documents: Iterable[Document], source: SourceConfig) -> Iterator[Document]:
    """The documents of a source, those that are reserved as skipped ones."""
    for document in documents:
        yield Document.skip(document.doc_id, RESERVED) if is_reserved(document, source) else document


def is_reserved(document: Document, source: SourceConfig) -> bool:
    """Whether the run leaves this document of the source out."""
    if not source.reserve or document.skipped:
        return False
    return bool(uniform(text_hashes([document.doc_id]), _SEED)[0] < source.reserve)
