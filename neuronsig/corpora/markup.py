"""Markdown and reStructuredText (docstrings included) to paragraphs of prose."""

import inspect
import re
from collections.abc import Iterator
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from neuronsig.corpora.characters import Notes, count, line_feeds, unescape
from neuronsig.corpora.document import join_lines

_UNDERLINE = re.compile(r"^\s*([=\-~^\"'*+#`.:_])\1{2,}\s*$")
_TABLE = re.compile(r"^\s*(?:\+[-=+]{3,}|[|].*[|]\s*$|={2,}\s+=|-{2,}\s+-{2})")
_DIRECTIVE = re.compile(r"^\s*\.\. +([\w:-]+?)::\s*(.*)$")
_SPOKEN_DIRECTIVES = {
    "note", "warning", "tip", "hint", "important", "caution", "attention", "danger", "seealso", "versionadded",
    "versionchanged", "deprecated", "admonition",
}  # fmt: skip
_FIELD = re.compile(r"^\s*[:@](\w+)(?:\s+[^:`]*)?:(?!`)\s*(.*)$")
_SILENT_FIELDS = {"type", "rtype", "vartype", "meta", "since", "author", "version"}
_NUMPY_PARAMETER = re.compile(r"^\s*[`*]*\w[\w.]*[`*]*(?:\s*,\s*[`*]*[\w.]+[`*]*)*\s+:(?:\s.*)?$")
_GOOGLE_PARAMETER = re.compile(r"^\s*[`*]*\w+[`*]*\s*(?:\([^)]*\))?\s*(?::|--)\s+(?=\S)")
_BULLET = re.compile(r"^(\s*)([-*+•]|\(?\d{1,2}[.)]|[a-z][.)])\s+(?=\S)")
_ROLE = re.compile(r":[\w:+-]+:`!?(~?)\.?([^`<]*?)(?:\s*<[^`>]*>)?`")
_LINK = re.compile(r"`([^`<]+?)\s*<[^`>]+>`__?")
_REFERENCE = re.compile(r"`([^`]+)`__?|\b(\w+)_(?=[\s.,;:)])|\s?\[(?:\d+|#\w*)\]_")
_CODE = re.compile(r"``(.+?)``|`([^`]+)`")
_STRONG = re.compile(r"(?<![\w*])\*{1,2}(?=\S)([^*\n]+?)(?<=\S)\*{1,2}(?![\w*])")
_LINK_ADDRESS = re.compile(r"\s*<https?://[^>\s]+>|\s*\(https?://[^)\s]+\)")
_WORD = re.compile(r"(?<![\w.])[A-Za-z][a-z]+(?:'[a-z]+)?(?![\w(=.\[]*[\w(=\[])")


def is_prose(paragraph: str) -> bool:
    """Whether a paragraph reads as English rather than code, signatures, tables or lists of names."""
    words = paragraph.split()
    if paragraph[:1].islower() and not paragraph.endswith((".", "!", "?", ":")):
        return False  # the description of a parameter, not a sentence
    if " = " in paragraph or "=..." in paragraph:
        return False
    plain = len(_WORD.findall(paragraph))
    symbols = sum(character in "{}[]()=<>_|\\/@#$%^&*+~`" for character in paragraph)
    return plain >= 3 and plain >= 0.5 * len(words) and symbols <= 0.08 * len(paragraph)


def prose_only(paragraphs: Iterator[str], notes: Notes) -> Iterator[str]:
    """The paragraphs that read as English; the others are counted as `not_prose`."""
    for paragraph in paragraphs:
        if is_prose(paragraph):
            yield paragraph
        else:
            count(notes, "not_prose")


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def markdown_paragraphs(text: str) -> Iterator[str]:
    """Headings, paragraphs and list items of Markdown; code, tables, images and raw HTML left out."""
    in_table = False
    for token in _markdown().parse(line_feeds(text)):
        if token.type in ("table_open", "table_close"):
            in_table = token.type == "table_open"
        elif token.type == "inline" and not in_table:
            yield " ".join(_inline(token.children or []).split())


def _inline(tokens: list[Token]) -> str:
    spoken = {"text": "{}", "code_inline": "{}", "softbreak": " ", "hardbreak": " "}
    return "".join(spoken[token.type].format(token.content) for token in tokens if token.type in spoken)


def rst_paragraphs(text: str) -> Iterator[str]:
    """Paragraphs of reStructuredText, Google and NumPy docstrings, or what Sphinx writes as plain text.

    Left out: doctests, literal blocks, directives that show something else than text, tables, comments, types and
    names of parameters. Inline marks are resolved to the text they mark.
    """
    for lines in _rst_blocks(inspect.cleandoc(line_feeds(text)).split("\n")):
        paragraph = _inline_rst(join_lines(lines))
        if paragraph:
            yield paragraph


def _rst_blocks(lines: list[str]) -> Iterator[list[str]]:
    block: list[str] = []
    indent = 0  # of the block's text
    skip_beyond: int | None = None  # inside a literal block or silent directive: skip deeper lines
    doctest = False
    for index, line in enumerate(lines):
        here = len(line) - len(line.lstrip())
        if not line.strip():
            doctest = False
            yield block
            block = []
            continue
        if skip_beyond is not None:
            if here > skip_beyond:
                continue
            skip_beyond = None
        following = lines[index + 1] if index + 1 < len(lines) else ""
        deeper = bool(following.strip()) and len(following) - len(following.lstrip()) > here
        line_break, spoken, skip = _rst_line(line, deeper)
        doctest = doctest or line.lstrip().startswith(">>>")
        if doctest:
            spoken = ""
        if line_break or not spoken or here < indent or (block and here > indent and block[-1].endswith(":")):
            yield block
            block = []
        if skip:
            skip_beyond = here
        if spoken:
            bullet = _BULLET.match(spoken)
            if not block:
                indent = len(bullet[0]) if bullet else here
            block.append(spoken[len(bullet[0]) :] if bullet else spoken)
            if line_break and _UNDERLINE.match(following):
                yield block
                block = []
    yield block


def _rst_line(line: str, deeper: bool) -> tuple[bool, str, bool]:
    """(begins a paragraph, the text to keep, whether the deeper lines after it are skipped)."""
    if _UNDERLINE.match(line) or _TABLE.match(line):
        return True, "", False
    directive = _DIRECTIVE.match(line)
    if directive:
        spoken = directive[1].lower() in _SPOKEN_DIRECTIVES
        said = directive[2] if spoken and not directive[1].startswith("version") else ""
        return True, re.sub(r"^\d[\w.]*\s*", "", said), not spoken
    if re.match(r"^\s*\.\.(\s|$)", line):
        return True, "", True
    field = _FIELD.match(line)
    if field:
        return True, "" if field[1].lower() in _SILENT_FIELDS else field[2], field[1].lower() in _SILENT_FIELDS
    if deeper and _NUMPY_PARAMETER.match(line):
        return True, "", False
    literal = line.rstrip().endswith("::")
    if literal:
        line = line.rstrip()[:-1]
    if line.strip() in (":", ""):
        return True, "", literal
    parameter = _GOOGLE_PARAMETER.match(line)
    if parameter and line[:1].isspace():
        return True, line[parameter.end() :], literal
    return bool(_BULLET.match(line)), line, literal


def _role(found: re.Match[str]) -> str:
    """The text of a role; a tilde shows the last part of a dotted name."""
    return found[2].rpartition(".")[2] if found[1] == "~" else found[2].strip()


def _inline_rst(text: str) -> str:
    text = _ROLE.sub(_role, text)
    text = _LINK_ADDRESS.sub("", _LINK.sub(r"\1", text))
    text = _CODE.sub(lambda found: found[1] or found[2], _REFERENCE.sub(lambda found: found[1] or found[2] or "", text))
    return unescape(" ".join(_STRONG.sub(r"\1", text).split()))
