"""What jobs after mining found of a neuron, each in one line for a reader; terminal and report print the same."""

from neuronsig.constant_units import told
from neuronsig.kinds import kind_of
from neuronsig.signature.numbers import percent
from neuronsig.signature.summary import strongest_token
from neuronsig.signature.view import DominanceView, Effect, FacetView, NeuronView, ScoreView, StabilityView, TriggerView

DOMINATING = {
    "token": "one token",
    "word": "one rare word",
    "document": "one document",
    "near_duplicates": "near-duplicates",
}
"""What may dominate a list (neuronsig.collection.dominance.FLAGS), as a reader knows it."""
MATCHED = {"length": ", length for length", "length_domain": ", length for length and domain for domain"}
NEGLIGIBLE = 0.2
"""Standard deviations below which a difference of means is not told (Cohen 1988 calls it small from here on)."""


def corpus_text(match: str) -> str:
    """What a share of the corpus is of, where mining matched the reference in `match` (mining.match)."""
    return f"Shares of the corpus are of its other sentences{MATCHED.get(match, '')}."


def constant_text(activation: float) -> str:
    """Why a neuron that is constant (neuronsig.constant_units) has no signature."""
    return f"Constant: {told(activation)}, so that its list ranks nothing and it has no signature."


def detector_text(trigger: TriggerView) -> str:
    """Which word of a sentence is the strongest, and how much of the activation is on one token."""
    word = f"“{trigger.word}” in {percent(trigger.word_share)}"
    tag = f"a {trigger.tag} in {percent(trigger.tag_share)}"
    of = f"of {trigger.looked_at}"
    often = (
        trigger.word and f" (the strongest one is most often “{trigger.word}”, in {percent(trigger.word_share)} {of})"
    )
    said = {
        "token": f"Token detector: the strongest word is {word} {of}",
        "tag": f"Tag detector: the strongest word is {tag} {of}",
        "context": f"Context detector: the strongest word is not always the same (most often {word} {of})",
        "diffuse": f"Diffuse: no word carries the activation{often}",
        "special": "The strongest token is a special one of the model, not of a word, in "
        f"{percent(trigger.special_share)} {of}",
    }.get(trigger.detector, "")
    said += f"; {strongest_token(trigger.concentration)}, on average" if said else ""
    if said and trigger.detector in ("token", "tag", "context"):
        said += f"; the signature holds the strongest word in {percent(trigger.covered_share)}"
        if trigger.words_covered is not None:
            said += f", and {percent(trigger.words_covered)} of all words"
    return said + "." if said else ""


def score_text(score: ScoreView) -> str:
    """How well the signature tells unseen sentences, and what it must be compared with."""
    better = "better than words and length" if score.beats_words else "not clearly better than words and length"
    verdict = better if score.beats_chance else "not clearly better than chance"
    of = f" of {score.sentences:,} sentences of unseen documents" if score.sentences else ""
    other = "" if score.random_ap is None else f"another neuron's signature {score.random_ap:.2f}, "
    return (
        f"As a classifier{of} what is told reaches average precision {score.told_ap:.2f} and the whole signature, "
        f"{score.patterns} statements, {score.ap:.2f} (naive Bayes {score.bayes_ap:.2f}, words and length "
        f"{score.words_ap:.2f}, all that words, pairs, tags, shapes and length have to give {score.ceiling_ap:.2f}, "
        f"{other}chance {score.chance:.2f}) and AUROC {score.auroc:.2f}: {verdict}."
    )


def order_text(score: ScoreView) -> str:
    """How much the neuron depends on the order of words; empty where that is not known."""
    if score.contextuality is None or score.kept_shuffled is None:
        return ""
    return (
        f"With their words shuffled, {percent(score.kept_shuffled)} of its best unseen sentences stay among the best "
        f"(contextuality {score.contextuality:.2f}; 0: word order does not matter, 1: nothing is left)."
    )


def stability_text(stability: StabilityView) -> str:
    """How far two halves of the corpus agree."""
    halves = f"two halves of the corpus, of {stability.k:,} sentences each"
    known = {kind_of(kind).plural: value for kind, value in sorted(stability.overlap.items())}
    parts = [f"{kind} {value:.2f}" for kind, value in known.items() if value is not None]
    none = [kind for kind, value in known.items() if value is None]
    without = f"no {' and no '.join(none)} beyond chance in either of them" if none else ""
    if not parts:
        return f"Signatures of {halves}, cannot be compared: {without}."
    rest = f"; {without}" if without else ""
    return f"Signatures of {halves}, overlap by {', '.join(parts)} (rank-biased, 1: the same){rest}."


def dominated_text(view: NeuronView) -> str:
    """What dominates the top sentences, for a reader to know before all else; empty where nothing does."""
    return dominance_text(view.dominance) if view.dominance and view.dominance.flags else ""


def quality_texts(view: NeuronView) -> list[str]:
    """How good the signature is, a line for each job that has looked; of domination only that there is none."""
    said = [text for text in (score_text(view.score), order_text(view.score)) if text] if view.score else []
    said += [stability_text(view.stability)] if view.stability else []
    return said + ([dominance_text(view.dominance)] if view.dominance and not view.dominance.flags else [])


def dominance_text(found: DominanceView) -> str:
    """What dominates the top sentences, or how far they are from it; the figures, and the share that counts."""
    bound = f"told from {percent(found.threshold)} on"
    if found.flags:
        parts = [_dominates(found, flag) for flag in DOMINATING if flag in found.flags]
        return f"One thing dominates its top sentences ({bound}): {'; '.join(parts)}."
    shares = {flag: percent(share) for flag, share in found.shares.items() if share is not None}
    measured = {
        "document": "{} come from the most frequent document"
        + f" ({percent(found.document_elsewhere)} of all neurons')",
        "near_duplicates": "{} nearly repeat a stronger one",
        "word": "{} hold the most frequent rare word",
        "token": f"{strongest_token(found.shares['token'] or 0)} in the first {found.token_sentences}",
    }
    parts = [said.format(shares[flag]) for flag, said in measured.items() if flag in shares]
    return f"No one thing dominates its first {found.sentences:,} sentences ({bound}): {', '.join(parts)}."


def _dominates(found: DominanceView, flag: str) -> str:
    share, what = percent(found.shares[flag] or 0.0), dominating(found, flag)
    of_first = f"{share} of the first {found.sentences:,}"
    return {
        "document": f"{of_first} come from one document, {what} ({percent(found.document_elsewhere)} of all neurons')",
        "near_duplicates": f"{of_first} nearly repeat a stronger one",
        "word": f"{of_first} hold one rare word, {what} ({percent(found.word_elsewhere)} of all neurons')",
        "token": f"{strongest_token(found.shares[flag] or 0)} in the first {found.token_sentences}, most often {what}",
    }[flag]


def dominating(found: DominanceView, flag: str) -> str:
    """The document, word or token itself."""
    place = {"first": ", the first", "last": ", the last"}.get(found.token_place, ", inside the sentence")
    named = {"document": f"“{found.document}”", "word": f"“{found.word}”", "token": f"“{found.token}”{place}"}
    return named.get(flag, "sentences nearly alike")


def facets_text(facets: tuple[FacetView, ...]) -> str:
    """How many things the neuron answers to."""
    if len(facets) == 1:
        return "One facet: the sentences fall apart no more clearly than any sentences do."
    shares = ", ".join(percent(facet.share) for facet in facets)
    return f"{len(facets)} facets: the sentences fall into groups of {shares}."


def effects_text(view: NeuronView) -> str:
    """Effect sizes and their 95 % limits of length, place in the document and parts of speech."""
    said = []
    for name, title in (("length", "length"), ("relative_position", "place in the document")):
        effect = view.effects.get(name)
        if effect and effect.effect is not None and abs(effect.effect) >= NEGLIGIBLE:
            said.append(f"{title} {effect.effect:+.2f} standard deviations{_mean(name, effect)}")
    for name, title in (("noun", "nouns"), ("verb", "verbs"), ("adj", "adjectives")):
        effect = view.effects.get(name)
        if effect and effect.low is not None and effect.high is not None and effect.low * effect.high > 0:
            said.append(f"{title} ×{2**effect.low:.2f} to ×{2**effect.high:.2f}")
    return "Against the reference, with 95 % limits: " + "; ".join(said) + "." if said else ""


def _mean(name: str, effect: Effect) -> str:
    if effect.value is None or effect.reference is None:
        return ""
    if name == "relative_position":
        return f" (on average {percent(effect.value)} into it, corpus {percent(effect.reference)})"
    limits = f"{effect.low:.1f} to {effect.high:.1f}" if effect.low is not None and effect.high is not None else ""
    return f" (mean {limits} words, corpus {effect.reference:.1f})" if limits else ""
