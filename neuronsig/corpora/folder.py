"""Anybody's text files: a folder, read recursively, or one file."""

import posixpath
import re
from collections.abc import Iterator

from neuronsig.config import SourceConfig
from neuronsig.corpora.characters import Notes, decode, is_wide
from neuronsig.corpora.document import Document, loose_paragraphs
from neuronsig.corpora.files import SourceFile, bare_name

# A file larger than this becomes several documents, cut between lines, so that memory stays bounded.
PART_BYTES = 4 << 20
_SNIFFED = 8 << 10
# Controls that text has no use for, and what stands for bytes that are not of the encoding.
_CONTROLS, _MOST_CONTROLS = re.compile("[\x01-\x07\x0e-\x1a\x1c-\x1f\x7f]"), 0.1
_REPLACED, _MOST_REPLACED = "\ufffd", 0.3
_NOT_TEXT = (".png", ".jpg", ".jpeg", ".gif", ".pdf", ".exe", ".so", ".pyc", ".parquet", ".npy", ".bin", ".docx")


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """The file as one document, or as parts `name#1`, `name#2`, ... of a few MiB when it is larger.

    Metadata: file (its name), folder (its path below the source). Files that are not text, or not in the encoding, are
    skipped as `binary`.
    """
    folder, name = posixpath.split(file.name)
    metadata = {"file": name, "folder": folder}
    with file.open() as stream:
        part, number = stream.read(PART_BYTES), 1
        wide = is_wide(source.encoding, part)
        if bare_name(name).lower().endswith(_NOT_TEXT) or _is_binary(decode(part[:_SNIFFED], source.encoding, {})):
            yield Document.skip(file.name, "binary")
            return
        while part or number == 1:
            # A part ends at a line's end, or it would cut a word or a character in two.
            part += stream.read() if wide else stream.readline()
            following = stream.read(PART_BYTES)
            notes: Notes = {}
            text = decode(part, source.encoding, notes)
            doc_id = file.name if number == 1 and not following else f"{file.name}#{number}"
            yield Document.of(doc_id, loose_paragraphs(text), metadata, notes)
            part, number = following, number + 1


def _is_binary(text: str) -> bool:
    controls, replaced = len(_CONTROLS.findall(text)), text.count(_REPLACED)
    return "\0" in text or controls > _MOST_CONTROLS * len(text) or replaced > _MOST_REPLACED * len(text)
