"""Wikitext to prose, on the tree that mwparserfromhell makes of it."""

import re
from collections.abc import Iterator
from typing import Any

import mwparserfromhell
from mwparserfromhell.nodes import ExternalLink, Heading, HTMLEntity, Tag, Template, Text, Wikilink

from neuronsig.corpora.characters import Notes, count

_DROPPED_TAGS = {
    "ref", "references", "table", "gallery", "imagemap", "timeline", "score", "syntaxhighlight", "source", "pre",
    "inputbox", "templatestyles", "hiero", "indicator", "section", "graph", "mapframe", "maplink", "noinclude",
}  # fmt: skip
_FORMULA_TAGS = {"math", "chem", "ce"}
_BLOCK_TAGS = {"p", "div", "blockquote", "center", "poem", "br", "hr", "tr", "dd", "dt", "ul", "ol", "dl"}
_ITEM_TAGS = {"li", "dd", "dt"}
# Namespaces whose links show a picture or file the page under something, and links to other languages.
_HIDDEN_LINK = re.compile(r"^\s*(?:file|image|media|category|[a-z]{2,3}(?:-[a-z]+)*|simple)\s*:\s*(?!\s)", re.I)
# Sections that list rather than tell.
_LISTING_SECTIONS = {
    "see also", "references", "external links", "further reading", "notes", "bibliography", "sources", "footnotes",
    "notes and references", "references and notes", "citations", "works cited", "publications", "discography",
    "filmography", "literature", "works", "notes and citations", "explanatory notes",
}  # fmt: skip
# Templates that show their argument: name -> index of the argument shown (-1 is the last positional one).
_SHOWN = {
    "lang": -1, "transl": -1, "nowrap": 0, "nobr": 0, "nobold": 0, "small": 0, "smaller": 0, "big": 0, "quote": 0,
    "blockquote": 0, "cquote": 0, "quotation": 0, "visible anchor": 0, "vanchor": 0, "abbr": 0, "tooltip": 0,
    "sub": 0, "sup": 0, "ill": 0, "interlanguage link": 0, "sic": 0, "iast": 0, "unicode": 0, "script": -1,
    "gaps": 0, "char": 0, "mono": 0, "em": 0, "strong": 0, "smallcaps": 0, "sc": 0, "as written": 0, "bce": 0,
    "not a typo": 0, "proper name": 0, "linktext": 0, "wikt-lang": -1, "okina": -1, "zh": -1, "angle": 0, "angbr": 0,
    "pull quote": 0, "gr": 0, "angbr ipa": 0, "poemquote": 0, "rp-text": 0,
}  # fmt: skip
_CHARACTERS = {
    "ndash": "–", "mdash": "—", "snd": " – ", "spnd": " – ", "spaced ndash": " – ", "spaced en dash": " – ",
    "nbsp": " ", "dash": "–", "en dash": "–", "em dash": "—", "'": "'", "`": "'", "!": "|", "okina": "ʻ", "·": " · ",
    "circa": "c. ", "c.": "c. ", "ca.": "c. ", "shy": "", "times": "×", "minus": "−", "pi": "π", "frac12": "½",
}  # fmt: skip
_CONVERT = {"convert", "cvt", "conv"}
_BREAK, _ITEM = "\n\n", "\x00"
_MAGIC = re.compile(r"__[A-Z]+__")
_EMPTY_BRACKETS = re.compile(r"\s*[(\[]\s*(?:[,;:/–-]\s*|or\s+|and\s+)*[)\]]")
_BRACKET_START = re.compile(r"([(\[])\s*(?:[,;:]\s*)+")
_BRACKET_END = re.compile(r"\s*(?:[,;:]\s*)+([)\]])")
_GAP = re.compile(r"[ \xa0]+([,.;:?!)\]])(?=\s|$|[\"')])")
_ONLY_FORMULAS = re.compile(r"^(?:\W|\bformula\b|\band\b|\bor\b)*$")
# Tables and templates so broken that they stayed text.
_BROKEN = re.compile(
    r"\b(?:wikitable|rowspan|colspan|align=|style=|class=)|!!|\|-|\|\s*\w+\s*=|\w\|[^|]*\|\w|\.(?:svg|jpe?g|png)\|",
    re.I,
)
_LEFT_OVER = re.compile(r"'{2,5}|</?[a-z][^<>]{0,100}>|\{\{|\}\}|\[\[|\]\]|\{\||\|\}")


def prose(wikitext: str, notes: Notes) -> Iterator[str]:
    """The article's paragraphs, section headings and such list items as are sentences.

    Templates, tables, references, files and categories are left out (`templates` counts those whose text may be
    missed in a sentence, `list_items` the items dropped); a formula becomes the word `formula`. Sections that
    only list (references, see also, external links, ...) are left out whole, and what is left of broken tables is
    counted as `markup_lines`.
    """
    tree = mwparserfromhell.parse(_MAGIC.sub("", wikitext), skip_style_tags=False)
    pending: list[str] = []
    for paragraph in re.split(r"\n\s*\n", _LEFT_OVER.sub("", "".join(_render_sections(tree, notes)))):
        for line in _lines(paragraph):
            if line.startswith(_ITEM):
                line = _tidy(line.strip(_ITEM + " "))
                if line.endswith((".", "!", "?", '."', ".”")) and len(line.split()) >= 5:
                    yield from pending
                    pending = []
                    yield line
                else:
                    count(notes, "list_items", bool(line))
            elif line.startswith("="):
                # A heading is said only when something follows it.
                pending = [_tidy(line.strip("= "))]
            elif _BROKEN.search(line):
                count(notes, "markup_lines")
            elif line := _tidy(line):
                yield from pending
                pending = []
                yield line


def _lines(paragraph: str) -> Iterator[str]:
    """Items and headings are lines of their own; other lines of a paragraph belong together."""
    text = ""
    for line in paragraph.split("\n"):
        line = line.strip(" \t")
        if line.startswith((_ITEM, "=")):
            yield text
            text = ""
            yield line
        else:
            text = f"{text} {line}".strip()
    yield text


def _render_sections(tree: Any, notes: Notes) -> Iterator[str]:
    hidden_level = 0
    for node in tree.nodes:
        if isinstance(node, Heading):
            title = _render(node.title.nodes, notes).strip()
            if hidden_level and node.level > hidden_level:
                continue
            hidden_level = node.level if title.lower() in _LISTING_SECTIONS else 0
            if not hidden_level:
                yield f"{_BREAK}= {title}{_BREAK}"
        elif not hidden_level:
            yield _render([node], notes)


def _render(nodes: list[Any], notes: Notes) -> str:
    return "".join(_render_node(node, notes) for node in nodes)


def _render_node(node: Any, notes: Notes) -> str:
    if isinstance(node, Text):
        return str(node.value)
    if isinstance(node, Wikilink):
        if _HIDDEN_LINK.match(str(node.title)):
            return ""
        shown = node.text if node.text is not None else node.title
        return _render(shown.nodes, notes).lstrip(":")
    if isinstance(node, ExternalLink):
        if not node.brackets:
            return ""
        return _render(node.title.nodes, notes) if node.title is not None else ""
    if isinstance(node, HTMLEntity):
        return str(node.normalize() or "")
    if isinstance(node, Template):
        return _template(node, notes)
    if isinstance(node, Heading):
        return _BREAK
    return _tag(node, notes) if isinstance(node, Tag) else ""


def _tag(node: Tag, notes: Notes) -> str:
    name = str(node.tag).strip().lower()
    if name in _DROPPED_TAGS:
        return ""
    if name in _FORMULA_TAGS:
        return "formula"
    inside = _render(node.contents.nodes, notes) if node.contents is not None else ""
    if node.wiki_markup is not None and name in _ITEM_TAGS:
        # `* item` and `: text` put their mark at the start of the line; the text follows as siblings.
        return f"\n{_ITEM} {inside}"
    if name in _ITEM_TAGS:
        return f"\n{_ITEM} {inside}\n"
    return f"{_BREAK}{inside}{_BREAK}" if name in _BLOCK_TAGS else inside


def _template(node: Template, notes: Notes) -> str:
    name = " ".join(str(node.name).replace("_", " ").lower().split())
    shown = [_render(one.value.nodes, notes).strip() for one in node.params if not one.showkey]
    if name in _CONVERT and len(shown) >= 2:
        return f"{shown[0]} {shown[1]}"
    if name in ("frac", "sfrac", "fraction") and shown:
        return "/".join(shown)
    if name in ("val", "formatnum", "num", "nts") and shown:
        return shown[0]
    if name.startswith("formatnum:"):
        return name.partition(":")[2]
    if name == "as of" and shown:
        return f"As of {shown[0]}"
    if name in ("circa", "c.", "ca.") and shown:
        return f"c. {shown[0]}"
    if name in _SHOWN or name.startswith("lang-"):
        index = 0 if name.startswith("lang-") else _SHOWN[name]
        named = {str(one.name).strip().lower(): one.value for one in node.params}
        if not shown and "text" in named:
            shown = [_render(named["text"].nodes, notes).strip()]
        if shown:
            block = name in ("quote", "blockquote", "cquote", "quotation", "pull quote", "poemquote")
            return f"{_BREAK}{shown[index]}{_BREAK}" if block else shown[index]
    if name in _CHARACTERS:
        return _CHARACTERS[name]
    count(notes, "templates")
    return ""


def _tidy(text: str) -> str:
    """Close the gaps that left-out templates leave: empty brackets, space before punctuation."""
    text = re.sub(r"\s+", " ", text.replace(_ITEM, " "))
    text = _EMPTY_BRACKETS.sub("", _BRACKET_END.sub(r"\1", _BRACKET_START.sub(r"\1", text)))
    text = _GAP.sub(r"\1", re.sub(r"([(\[]) +", r"\1", text)).strip()
    return "" if _ONLY_FORMULAS.match(text) else text
