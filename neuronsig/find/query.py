"""A pattern as it is typed, and as items that the index knows.

    not only but                        words in this order, whatever stands between them
    JJ NN                               tags: what the run's tagger calls so, in capitals as it writes them
    not JJ                              both
    sentiment=negative                  a metadata field and its value
    (VB (RB))                           a subtree in brackets; labels are tags, words, or those of user's trees
    set: good JJ sentiment=negative     together in a sentence, in any order

`word:`, `pos:`, `meta:`, `tree:` and `set:` say what all that follows is. A value or word with spaces stands in
quotes: domain="social media" or "domain=social media".

An item is a string of its class and its name: `w:not`, `p:JJ`, `m:sentiment=negative`, and `t:VB` for a node's label.
"""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from neuronsig.errors import ConfigError
from neuronsig.kinds import METADATA, SEQUENCE, SET, SUBTREE, TAGS, WORDS, kind_of
from neuronsig.letters import composed
from neuronsig.miners.brackets import Node, nodes_of

SEPARATOR = "\x1f"
"""Between the items of a pattern in the index."""
WORD, TAG, VALUE, LABEL = "w:", "p:", "m:", "t:"
PREFIXES = {"word": WORD, "words": WORD, "pos": TAG, "tag": TAG, "meta": VALUE, "tree": LABEL, "set": ""}
CLASSES = {WORDS: WORD, TAGS: TAG, METADATA: VALUE}
"""By layer of the registry of kinds."""
_TOKEN = re.compile(r'(?:(word|words|pos|tag|meta|tree|set):)?(?:([^\s"=]+=)?"([^"]*)"|([^\s"]+))?')
_NO_CHARACTER = re.compile("[\ud800-\udfff]")
"""What Python makes of a byte of the command line that is no UTF-8."""


@dataclass(frozen=True)
class Query:
    """What is looked for: `items` in order (a sequence, a set) or the nodes of a tree in preorder.

    `form` is the shape (neuronsig.kinds) of the patterns that answer it: SEQUENCE, SET or SUBTREE.
    """

    text: str
    form: str
    items: tuple[str, ...]
    nodes: tuple[Node, ...] = ()


def parse(text: str, tags: Container[str]) -> Query:
    """Read a pattern; `tags` are the run's. Raises ConfigError and InputError, one line, when it is malformed."""
    if found := _NO_CHARACTER.search(text):
        raise ConfigError(
            f"pattern {text!r}, character {found.start() + 1}: no UTF-8; type it on a terminal that is set to UTF-8"
        )
    stripped = text.strip()
    if stripped.startswith(("tree:", "(")):
        return _tree(text, stripped.removeprefix("tree:").strip())
    items: list[str] = []
    form, of = SEQUENCE, ""
    for prefix, token in _tokens(stripped):
        if prefix == "set":
            form, of = SET, ""
        elif prefix == "tree":
            raise ConfigError(f"pattern {text!r}: tree: stands at the beginning, before a tree alone")
        elif prefix:
            of = PREFIXES[prefix]
        if token:
            items.append(_item(text, token, of, tags))
        elif token is not None:
            raise ConfigError(f"pattern {text!r}: empty quotes; write a word, a tag or field=value between them")
    if not items:
        raise ConfigError(f'pattern {text!r} is empty; give one as in neuronsig find run=... "not only but"')
    if len(items) > 1 and any(item.startswith(VALUE) for item in items):
        form = SET  # metadata has no place among the words
    return Query(stripped, form, tuple(sorted(set(items))) if form == SET else tuple(items))


def _tokens(text: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        match = _TOKEN.match(text, place)
        if match is None or match.end() == place:
            raise ConfigError(f'pattern {text!r}, character {place + 1}: a quote is not closed; close it with "')
        prefix, field, quoted, plain = match.groups()
        found.append((prefix or "", (field or "") + quoted if quoted else quoted if plain is None else plain))
        place = match.end()
    return found


def _item(text: str, token: str, of: str, tags: Container[str]) -> str:
    word = WORD + composed(token.lower())
    if of == WORD:
        return word
    if of == TAG:
        return TAG + token
    name, equals, value = token.partition("=")
    if of == VALUE or (equals and name and value):
        if not (name and value):
            raise ConfigError(f"pattern {text!r}: {token!r} is not of the form field=value, as in sentiment=negative")
        return f"{VALUE}{name}={value}"
    if token in tags and any(map(str.isalpha, token)):
        return TAG + token
    return word


def _tree(text: str, bracketed: str) -> Query:
    if not bracketed:
        raise ConfigError(f"pattern {text!r}: no tree follows; write one as in tree:(VB (RB))")
    nodes = nodes_of(bracketed)
    return Query(bracketed, SUBTREE, tuple(LABEL + label for _, label in nodes), nodes)


def items_of(kind: str, pattern: Sequence[str]) -> tuple[str, ...]:
    """The items of a row of SIGNATURES, in its order; those of a subtree are its nodes' labels."""
    known = kind_of(kind)
    if known.shape == SUBTREE:
        return tuple(LABEL + label for _, label in nodes_of(pattern[0]))
    return tuple(CLASSES[layer] + name for layer, name in known.read(pattern))


def shown(item: str) -> str:
    """An item as it is read: without its class."""
    return item[2:]
