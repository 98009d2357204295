"""A neuron's signature on a terminal, readable at a glance at 80 columns, in colour or through a pipe."""

import unicodedata
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from neuronsig.kinds import shown_kinds
from neuronsig.neuron import Neuron
from neuronsig.signature.entries import Entry, without_redundancy
from neuronsig.signature.highlight import PATTERN, WORD, cut_segments
from neuronsig.signature.numbers import percent, times
from neuronsig.signature.summary import describe
from neuronsig.signature.view import FacetView, NeuronView, SentenceView
from neuronsig.signature.wording import (
    constant_text,
    corpus_text,
    detector_text,
    dominated_text,
    effects_text,
    facets_text,
    quality_texts,
)
from neuronsig.statements.wording import ToldStatement

WORDS, PATTERNS, TAGS, VALUES, FIELDS = 10, 6, 6, 4, 5
CHARACTERS = 220
NAME, BAR = 36, 12
STYLES = {WORD: "bold green", PATTERN: "underline"}
SHADES = ("", "", "on grey19", "on grey27", "on grey35")


def render_terminal(view: NeuronView, console: Console) -> None:
    """Print one neuron: what it is in one sentence, its top sentences, and the evidence against the corpus."""
    description = describe(view)
    width = min(console.width, 110)

    def show(item: object) -> None:
        console.print(item, soft_wrap=False, width=width)

    show(Text())
    show(Rule(Text(str(view.neuron), style="bold cyan"), style="cyan", align="left"))
    show(Text(description.text, style="dim" if description.kind == "none" else "bold"))
    show(Text(corpus_text(view.match), style="dim"))
    show(Text(_facts(view), style="dim"))
    if dominated := dominated_text(view):
        show(Text(clean(dominated), style="yellow"))
    trigger = detector_text(view.trigger) if view.trigger else ""
    show(_section("Top sentences", "«the strongest word»" if trigger else ""))
    show(_sentences(view.sentences))
    if trigger:
        show(_line(trigger))
    if view.typical is not None:
        show(_section("Typical sentence", "nearest to the mean vector"))
        show(Padding(_marked(view.typical), (0, 0, 0, 2)))
    if view.facets and len(view.facets) > 1:
        show(_section("Facets", f"{facets_text(view.facets)} Words with the share of a group's sentences."))
        for facet in view.facets:
            show(_facet(facet))
    if view.told:
        show(_told(view.told))
    show(_evidence("Words, of all sentences", without_redundancy(view.of("words"), WORDS)))
    for kind in shown_kinds():
        if rows := view.of(kind.name):
            show(_evidence(kind.title, without_redundancy(rows, PATTERNS)))
    if not view.mined:
        show(_section("Patterns", "not mined; this mines them, and keeps those of the others:"))
        # As it is, however long: a command that was broken into lines cannot be copied.
        console.print(Text(f"  {view.mining_command}"), soft_wrap=True)
    show(_shares(view))
    if said := effects_text(view):
        show(_line(said))
    if rows := view.of("pos"):
        show(_evidence("Tags, of all words", without_redundancy(rows, TAGS)))
    for name, every in list(view.salient_fields.items())[:FIELDS]:
        rows = view.salient_values(name)[:VALUES]
        show(_evidence(clean(name).capitalize(), list(map(Entry, rows)), len(every) - len(rows)))
    if known := quality_texts(view):
        show(_section("How good is this signature?"))
        for text in known:
            show(_line(text))
    if view.similar:
        names = ", ".join(str(link.neuron) for link in view.similar)
        show(_section("Similar neurons", f"cluster {view.cluster}, by vector"))
        show(Text(f"  {names}"))


def render_constant(neuron: Neuron, activation: float, console: Console) -> None:
    """Print one line of a neuron that has the same activation for every sentence."""
    said = Text(f"\n{neuron}  ", style="bold cyan").append(constant_text(activation), style="not bold default")
    console.print(said, soft_wrap=True)


def _told(told: Sequence[ToldStatement]) -> Table:
    """What predicts the list, the strongest first, with the bits that each adds of the one that membership is."""
    table = _bars("What predicts it: sentences ...", last="bits")
    for one in told:
        share = (bar(one.share), percent(one.share), percent(one.reference))
        table.add_row(Text(clean(one.text)), *share, f"{one.bits:.2f}")
    return table


def _line(text: str) -> Padding:
    return Padding(Text(clean(text), style="dim"), (0, 0, 0, 2))


def _facet(facet: FacetView) -> Padding:
    text = Text(f"{percent(facet.share)}", style="bold")
    shares = [f" {percent(share)}" for share, _ in facet.shares] or [""] * len(facet.words)
    words = ", ".join(f"{clean(word)}{share}" for word, share in zip(facet.words, shares, strict=True))
    text.append(f"  {words or 'no words of its own'}", style="not bold green")
    for said, share, others in facet.told:
        text.append(f"\n    {clean(said)} ({percent(share)}, the others {percent(others)})", style="not bold")
    if facet.typical is not None:
        text.append("\n    ").append_text(_marked(facet.typical))
    return Padding(text, (0, 0, 0, 2))


def clean(text: str) -> str:
    """Text that cannot steer the terminal: control and direction characters become spaces."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\u200d" else c for c in text)


def _facts(view: NeuronView) -> str:
    facts = [f"{view.n_sentences:,} sentences"]
    if view.sentences:
        facts.append(f"highest activation {view.best_score:.3f}")
    facts.append(f"POS selectivity {view.selectivity:.2f}")
    if view.cluster is not None:
        facts.append(f"cluster {view.cluster} of {view.cluster_size:,} neurons")
    return " · ".join(facts)


def _section(title: str, note: str = "") -> Text:
    text = Text(f"\n{title}", style="bold")
    return text.append(f"  {note}", style="not bold dim") if note else text


def _sentences(sentences: Sequence[SentenceView]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="cyan", max_width=14, overflow="ellipsis", no_wrap=True)
    table.add_column(overflow="fold")
    for sentence in sentences:
        table.add_row(
            f"  {sentence.rank + 1}", f"{sentence.score:.3f}", Text(clean(sentence.domain)), _marked(sentence)
        )
    return table


def _marked(sentence: SentenceView) -> Text:
    pieces, left_out = cut_segments(sentence.segments, CHARACTERS)
    text = Text()
    for piece in pieces:
        said = clean(piece.text)
        style = f"{STYLES.get(piece.mark, '')} {SHADES[piece.shade]}".strip()
        text.append(f"«{said}»" if piece.trigger else said, style=style)
    return text.append(" …", style="dim") if left_out else text


def _evidence(title: str, entries: Sequence[Entry], left_out: int = 0) -> Table:
    table = _bars(title)
    for row, repeated in entries:
        reference = "" if row.reference is None else percent(row.reference)
        name = Text(clean(row.text) or "(empty)", style="" if row.stands_out else "dim")
        if repeated:
            name.append(f"  +{len(repeated)} alike", style="dim")
        table.add_row(name, bar(row.share), percent(row.share), reference, times(row.ratio, row.reference))
    if left_out > 0:
        table.add_row(Text(f"and {left_out:,} more", style="dim"))
    if not entries:
        table.add_row(Text("none", style="dim"))
    return table


def _shares(view: NeuronView) -> Table:
    table = _bars("Parts of speech, of all words; length")
    for share in view.pos_shares:
        corpus = "" if share.corpus is None else percent(share.corpus)
        ratio = times(share.ratio, share.corpus)
        table.add_row(f"{share.name}s", bar(share.value), percent(share.value), corpus, ratio)
    length = view.length
    corpus = "" if length.corpus is None else f"{length.corpus:.1f}"
    ratio = times(length.ratio, length.corpus)
    table.add_row(
        "words a sentence", Text(f"± {view.length_sd:.1f}", style="dim"), f"{length.value:.1f}", corpus, ratio
    )
    return table


def _bars(title: str, last: str = "ratio") -> Table:
    """Columns name, bar, neuron's share, corpus's share, and a `last`, at the same places in every section."""
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    table.add_column(Text(f"\n{title}", style="bold"), width=NAME, overflow="ellipsis", no_wrap=True)
    table.add_column(width=BAR, no_wrap=True, style="green")
    for name, width in (("neuron", 7), ("corpus", 7), (last, 6)):
        style = "dim" if name == "corpus" else ""
        header = Text(f"\n{name}", style="not bold dim")
        table.add_column(header, width=width, justify="right", style=style, no_wrap=True)
    return table


def bar(share: float, width: int = BAR) -> str:
    """A bar of eighths of a character: `width` characters are 100 %."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
