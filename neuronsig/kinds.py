"""The registry of patterns: what each kind is made of, how it is mined, counted, judged, written and called.

A kind is the value of the column `kind` of SIGNATURES. Its *shape* says how a sentence holds it, its *layers* what of
the sentence its items are: the annotator's words (lower-cased) or tags, or the document's metadata. A further kind of
these shapes and layers is one entry here.

    words, pos, metadata    single items, of every neuron's profile                      P1 3.2
    word_sequence           words in order                                               P1 3.2
    pos_sequence            POS tags in order                                            P1 3.2
    mixed_sequence          words and tags in order, one of each at least: `not ... JJ`
    itemset                 words, metadata values and tags, in whatever order
    subtree                 parts of syntax trees                                        P2 step 3

No engine and no array is needed to read it, so that a search starts in milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from neuronsig.errors import InputError

ITEM, SEQUENCE, SET, SUBTREE = "item", "sequence", "set", "subtree"
SHAPES = (ITEM, SEQUENCE, SET, SUBTREE)
WORDS, TAGS, METADATA = "words", "tags", "metadata"
PREFIXES = {WORDS: "word=", TAGS: "pos="}
"""How an item of these layers begins in the patterns of kinds that mark it; metadata is `field=value` everywhere."""


@dataclass(frozen=True)
class Kind:
    """One kind of pattern. Limits are those of `neuronsig.miners.mined_patterns.Limits`."""

    name: str
    title: str
    """Of a table of such patterns."""
    short: str
    """One such pattern, in a column of a table."""
    shape: str
    layers: tuple[str, ...]
    note: str = ""
    """What the title means."""
    named: str = "the pattern “{}”"
    """One such pattern in a sentence."""
    marked: tuple[str, ...] = ()
    """Layers whose items are written with their prefix."""
    columns: tuple[str, ...] = ()
    """Of encoded sentences, those that counting reads."""
    per_token: bool = False
    """Whether frequencies are shares of tokens rather than of sentences."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """The fields of MiningConfig that set its limits, by limit."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Limits that no field sets; min_support is a share of a neuron's sentences."""
    in_mllib: bool = False
    """Whether MLlib can mine it."""

    @property
    def mined(self) -> bool:
        """Whether it is mined from chosen neurons; the others are in every neuron's profile."""
        return self.shape != ITEM

    @property
    def plural(self) -> str:
        """The title within a sentence."""
        return self.title if self.title[:2].isupper() else self.title[:1].lower() + self.title[1:]

    @property
    def singular(self) -> str:
        """One such pattern, before what it is."""
        return self.plural.removesuffix("s")

    @property
    def joint(self) -> str:
        """What stands between two items where a pattern is read."""
        return " + " if self.shape == SET else " "

    def write(self, layer: str, name: str) -> str:
        """An item as it stands in a pattern."""
        return PREFIXES[layer] + name if layer in self.marked else name

    def read(self, pattern: Sequence[str]) -> list[tuple[str, str]]:
        """(layer, name) of each item of a pattern that is no subtree; the inverse of `write`."""
        if self.layers == (METADATA,):
            return [(METADATA, "=".join(pattern))]  # its row has field and value apart
        plain = next((layer for layer in self.layers if layer not in self.marked), WORDS)
        found = []
        for item in pattern:
            layer = next((layer for layer in self.marked if item.startswith(PREFIXES[layer])), plain)
            found.append((layer, item.removeprefix(PREFIXES[layer]) if layer in self.marked else item))
        return found

    def text(self, pattern: Sequence[str]) -> str:
        """A pattern as a reader writes it: words in order, items joined by +, a metadata value alone."""
        if self.layers == (METADATA,):
            return pattern[-1]
        return self.joint.join(pattern if self.shape == SUBTREE else [name for _, name in self.read(pattern)])


def _keys(settings: str, longest: str = "max_length", *more: str) -> dict[str, str]:
    names = {"min_support": "min_support", "max_length": longest, **{name: name for name in more}}
    return {limit: f"{settings}_{name}" for limit, name in names.items()}


_EVERY = (
    Kind("words", "Words", "word", ITEM, (WORDS,), named="“{}”"),
    Kind("pos", "Tags", "tag", ITEM, (TAGS,), named="the tag {}", per_token=True),
    Kind("metadata", "Metadata", "metadata", ITEM, (METADATA,), named="{}"),
    Kind(
        "word_sequence", "Word patterns", "words", SEQUENCE, (WORDS,), "words in this order, with gaps",
        columns=("words",), keys=_keys("word", "max_length", "max_gap"), in_mllib=True,
    ),
    Kind(
        "pos_sequence", "POS patterns", "tags", SEQUENCE, (TAGS,), "tags in this order, with gaps",
        columns=("tags",), keys=_keys("pos", "max_length", "max_gap"), in_mllib=True,
    ),
    Kind(
        "mixed_sequence", "Mixed patterns", "mixed", SEQUENCE, (WORDS, TAGS), "words and tags in this order, with gaps",
        marked=(TAGS,), columns=("words", "tags"), keys=_keys("mixed", "max_length", "max_gap"),
    ),
    Kind(
        "itemset", "Itemsets", "set", SET, (WORDS, METADATA, TAGS), "words, tags and metadata together in a sentence",
        named="“{}” together", marked=(WORDS, TAGS), columns=("items", "tags"),
        keys={"min_support": "itemset_min_support"}, limits={"max_length": 3}, in_mllib=True,
    ),
    Kind(
        "subtree", "Subtrees", "tree", SUBTREE, (TAGS,), "parts of the syntax tree",
        named="the subtree {}", columns=("words", "tags", "heads"), keys=_keys("subtree", "max_nodes"),
    ),
)  # fmt: skip
KINDS = {kind.name: kind for kind in _EVERY}


def profile_kinds() -> list[Kind]:
    """The kinds of single items, which every neuron's profile has."""
    return [kind for kind in KINDS.values() if not kind.mined]


def pattern_kinds() -> list[Kind]:
    """The kinds that are mined, in the order in which they are."""
    return [kind for kind in KINDS.values() if kind.mined]


def shown_kinds() -> list[Kind]:
    """The kinds that are mined, in the order in which a reader sees them: what is easier to read comes first."""
    return sorted(pattern_kinds(), key=lambda kind: (SHAPES.index(kind.shape), WORDS not in kind.layers))


def kind_of(name: str) -> Kind:
    """The kind of a row of SIGNATURES; raises InputError where it is unknown."""
    if name not in KINDS:
        raise InputError(f"signatures/: kind {name!r} is unknown; was it written by another version?")
    return KINDS[name]
