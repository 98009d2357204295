"""Reads neurons' signatures from a run directory: few scans for many neurons, and never a whole corpus in memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.dataset as ds

from neuronsig.constant_units import constant_neurons, told
from neuronsig.encoding.vocabulary import OTHER
from neuronsig.errors import ConfigError
from neuronsig.mining.chosen import most_selective
from neuronsig.neuron import NEURON_COLUMNS, SITES, Neuron
from neuronsig.readers import neuron_filter, rows_of
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.freshness import by_results, freshness, mining_command
from neuronsig.signature.highlight import Highlighter, TopSentences
from neuronsig.signature.results import TOTAL, StageResults, read_corpora
from neuronsig.signature.view import Effect, Evidence, FacetView, Link, NeuronView, Share
from neuronsig.storage.parquet import check_table, read_rows
from neuronsig.tables import NEURONS, PROFILES, SENTENCES, SIGNATURES, TOPK

SIMILAR = 6
POS_CLASSES = (("noun", "noun"), ("verb", "verb"), ("adjective", "adj"))


class SignatureReader:
    """Opens one model's part of a run and gathers `NeuronView`s.

    Profiles of all neurons are held (about 1 KB a neuron); top sentences are read for the neurons of one
    `views` call, or once for all with `prefetch`, at most `sentences` each. Memory grows with neurons x
    sentences shown, not with the corpus nor with K.
    """

    def __init__(self, run: RunDirectory, model: str, sentences: int, needed_by: str = "show") -> None:
        """Raises InputError when the model or its signatures are not in the run, not of one corpus, or broken.

        What jobs after mining found is used where it was made from what the run holds now; `left_out` has the stages
        that were not, `missing` those that are not there and `earlier` what is said of those that earlier rules made,
        each with the command that makes it. `constant` neurons (with their activation) have no
        signature.
        """
        _require_model(run, model, needed_by)
        found = freshness(run, model, needed_by)
        self.run, self.model, self.sentences = run, model, sentences
        self.current, self.left_out, self.missing = tuple(found.current), found.left_out, found.missing
        self.earlier = tuple(found.earlier.items())
        check_table(run.sentences, SENTENCES)
        check_table(run.topk(model), TOPK)
        check_table(run.signatures(model), SIGNATURES)
        self.made = frozenset(stage.split("/")[0] for stage in self.current)
        self.results = StageResults(run, model, self.made)
        self.clustered = "cluster" in self.made
        self.match = run.mined_with(model).match
        self.constant = constant_neurons(run.topk(model))
        self.profiles = self._profiles()
        self.neurons = sorted(self.profiles, key=lambda n: (SITES.index(n.site), n.layer, -n.sign, n.unit))
        self.layers = sorted({neuron.layer for neuron in self.neurons})
        self._places = {neuron: place for place, neuron in enumerate(self.neurons)}
        self.corpora = read_corpora(run) if "corpus_table" in self.made else []
        self.total = next((row for row in self.corpora if row["domain"] == TOTAL), {})
        self.domains = {row["domain"]: row["sentences"] for row in self.corpora}
        self.clusters: dict[int, list[Neuron]] = {}
        for neuron in self.neurons:
            if (cluster := self.profiles[neuron].get("cluster")) is not None:
                self.clusters.setdefault(cluster, []).append(neuron)
        self._top: TopSentences | None = None
        self._similar: dict[Neuron, tuple[Link, ...]] = {}

    def require(self, neuron: Neuron) -> Neuron:
        """The neuron itself; raises ConfigError when it is constant, or states the run's layers and units when it is
        not there."""
        if neuron in self.profiles:
            return neuron
        if neuron in self.constant:
            raise ConfigError(f"neuron={neuron}: {told(self.constant[neuron])}; it has no signature")
        collected = [*self.neurons, *self.constant]
        layers = sorted({n.layer for n in collected if n.site == neuron.site})
        if not layers:
            sites = ", ".join(sorted({n.site for n in collected}))
            raise ConfigError(f"neuron={neuron}: site {neuron.site} is not in run={self.run.root}; it holds {sites}")
        units = max(n.unit for n in collected if n.site == neuron.site)
        signs = {n.sign for n in collected}
        sign = "" if neuron.sign in signs else "; only the " + ("highest" if 1 in signs else "lowest") + " activations"
        raise ConfigError(
            f"neuron={neuron} is not in run={self.run.root}, model {self.model}: "
            f"it holds layers {_ranges(layers)}, units 0 to {units}{sign}"
        )

    def neighbour(self, neuron: Neuron, step: int) -> Neuron | None:
        """The neuron `step` places on in the order of pages; None before the first and after the last."""
        place = self._places[neuron] + step
        return self.neurons[place] if 0 <= place < len(self.neurons) else None

    def most_selective(self, n: int) -> list[Neuron]:
        """The `n` most striking neurons by their leading item, as mining chooses them, those with patterns first."""
        chosen: list[Neuron] = []
        for mined in (True, False):
            group = {neuron: row for neuron, row in self.profiles.items() if row["mined"] == mined}
            chosen += most_selective(group, n - len(chosen))
        return chosen

    def prefetch(self) -> None:
        """Read the top sentences and the similar neurons of all neurons at once, for callers that want every view."""
        self._top = self._top_sentences(self.neurons)
        self._similar = self._similar_of(self.neurons)

    def views(self, neurons: Sequence[Neuron], with_sentences: bool = True) -> Iterator[NeuronView]:
        """One view for each neuron, in the order given; raises ConfigError for one that is not in the run.

        Without sentences a view has the statistics alone, which is all that a description needs.
        """
        for neuron in neurons:
            self.require(neuron)
        top = (self._top or self._top_sentences(neurons)) if with_sentences else None
        similar = (self._similar or self._similar_of(neurons)) if with_sentences else {}
        evidence = self._evidence(neurons)
        for neuron in neurons:
            yield self._view(neuron, evidence.get(neuron, {}), top, similar.get(neuron, ()))

    def _view(
        self,
        neuron: Neuron,
        evidence: dict[str, tuple[Evidence, ...]],
        top: TopSentences | None,
        similar: tuple[Link, ...],
    ) -> NeuronView:
        row = self.profiles[neuron]
        highlighter = Highlighter(evidence.get("words", ()), evidence.get("word_sequence", ()))
        facets = row.get("facets") or []
        typical = row.get("typical_sentence_id")
        cluster = row.get("cluster")
        return NeuronView(
            neuron=neuron,
            n_sentences=row["n_sentences"],
            n_tokens=row["n_tokens"],
            mined=row["mined"],
            selectivity=row["selectivity"],
            length=Share("words", row["length_mean"], _first(row["length_reference"], self.total.get("length_mean"))),
            length_sd=row["length_sd"],
            pos_shares=tuple(
                Share(name, row[f"{of}_share"], _first(row[f"{of}_reference"], self.total.get(f"{of}_share")))
                for name, of in POS_CLASSES
            ),
            sentences=tuple(top.of(neuron, highlighter)) if top else (),
            evidence=evidence,
            metadata=metadata_distribution(
                row["metadata_profile"] or [], row["n_sentences"], evidence.get("metadata", ()), self.domains
            ),
            typical=top.sentence(typical, highlighter) if top and typical is not None else None,
            cluster=cluster,
            cluster_size=len(self.clusters.get(cluster, ())) if cluster is not None else 0,
            similar=similar,
            mining_command="" if row["mined"] else mining_command(self.run, self.model, neuron),
            effects=effects_of(row),
            facets=tuple(_facet(facet, top, highlighter) for facet in facets) or None,
            trigger=self.results.triggers.get(neuron),
            score=self.results.scores.get(neuron),
            stability=self.results.stability.get(neuron),
            dominance=self.results.dominance.get(neuron),
            told=None if self.results.told is None else self.results.told.get(neuron, () if row["mined"] else None),
            missing=by_results(self.missing),
            match=self.match,
        )

    def _top_sentences(self, neurons: Sequence[Neuron]) -> TopSentences:
        return TopSentences(self.run, self.model, self.profiles, self.results, neurons, self.sentences)

    def _profiles(self) -> dict[Neuron, dict[str, Any]]:
        """Profiles as mining wrote them, with what clustering added where it is of the same signatures."""
        profiles = rows_of(self.run.profiles(self.model), PROFILES)
        if self.clustered:
            columns = (*NEURON_COLUMNS, "typical_sentence_id", "cluster", "facets")
            added = rows_of(self.run.neurons(self.model), NEURONS, columns)
            for neuron, row in profiles.items():
                row.update(added.get(neuron, {}))
        return profiles

    def _evidence(self, neurons: Sequence[Neuron]) -> dict[Neuron, dict[str, tuple[Evidence, ...]]]:
        cells = ("kind", "pattern", "f1", "n1", "f2", "n2", "log_ratio", "lrc", "g2", "matched", "q", "explained_by")
        columns = (*NEURON_COLUMNS, *cells, "rank")
        table = read_rows(self.run.signatures(self.model), SIGNATURES, columns, neuron_filter(neurons)).sort_by("rank")
        wanted = {tuple(n.as_row().values()): n for n in neurons}
        found: dict[Neuron, dict[str, list[Evidence]]] = {}
        for row in zip(*(table[name].to_pylist() for name in NEURON_COLUMNS + cells), strict=True):
            if (neuron := wanted.get(row[:4])) is not None:
                evidence = Evidence(*row[4:])._replace(pattern=tuple(row[5]), explained_by=tuple(row[-1] or ()))
                found.setdefault(neuron, {}).setdefault(evidence.kind, []).append(evidence)
        return {neuron: {kind: tuple(rows) for kind, rows in kinds.items()} for neuron, kinds in found.items()}

    def _similar_of(self, neurons: Sequence[Neuron]) -> dict[Neuron, tuple[Link, ...]]:
        """The neurons of the same cluster whose vectors are nearest by cosine, for each of `neurons`."""
        if not self.clustered:
            return {}
        wanted = {self.profiles[neuron].get("cluster") for neuron in neurons} - {None}
        columns = (*NEURON_COLUMNS, "cluster", "vector")
        found: dict[Neuron, tuple[Link, ...]] = {}
        for cluster in wanted:
            table = read_rows(self.run.neurons(self.model), NEURONS, columns, ds.field("cluster") == cluster)
            members = list(map(Neuron.of_row, table.select(NEURON_COLUMNS).to_pylist()))
            vectors = np.stack(table["vector"].combine_chunks().to_numpy(zero_copy_only=False)).astype(np.float32)
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)  # (members, dimension)
            asked = set(neurons)
            for index in (i for i, member in enumerate(members) if member in asked):
                cosine = vectors @ vectors[index]  # (members,)
                cosine[index] = -np.inf
                order = np.argsort(-cosine, kind="stable")[: min(SIMILAR, len(members) - 1)]
                found[members[index]] = tuple(Link(members[i], similarity=float(cosine[i])) for i in order)
        return found


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _facet(facet: Mapping[str, Any], top: TopSentences | None, highlighter: Highlighter) -> FacetView:
    words, typical = facet["words"] or [], facet["typical_sentence_id"]
    return FacetView(
        facet["share"],
        tuple(word["word"] for word in words),
        top.sentence(typical, highlighter) if top else None,
        tuple((word["share"], word["others"]) for word in words),
        tuple((one["statement"], one["share"], one["others"]) for one in facet["told"] or ()),
    )


def models_of(run: RunDirectory) -> list[str]:
    """Models whose signatures the run holds, sorted."""
    stages = run.record()["stages"]
    return sorted(n.split("/", 1)[1] for n, e in stages.items() if n.startswith("mine/") and e["status"] == "complete")


def _require_model(run: RunDirectory, model: str, needed_by: str) -> None:
    if model in models_of(run):
        return
    have = models_of(run)
    if have:
        raise ConfigError(
            f"model={model} has no signatures in run={run.root}; it holds {', '.join(have)}: say model=..."
        )
    run.fingerprint(f"mine/{model}", needed_by)


def _ranges(numbers: Sequence[int]) -> str:
    """`1 to 6` for consecutive numbers, `1, 3, 5` otherwise."""
    if list(numbers) == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 1:
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers))


def metadata_distribution(
    profile: Sequence[tuple[str, Sequence[tuple[str, int]]]],
    n: int,
    evidence: Sequence[Evidence],
    domains: Mapping[str, int],
) -> dict[str, tuple[Evidence, ...]]:
    """Field -> its values, most frequent first: the whole profile, with the reference where mining counted one.

    `evidence` patterns are (field, value). Values without a row there have n2 = 0: no reference is known; but for
    domains, whose sentences in the whole corpus `domains` tells, with their `total`.
    """
    known = {row.pattern: row for row in evidence}
    found: dict[str, tuple[Evidence, ...]] = {}
    for name, counts in sorted(profile, key=lambda entry: (entry[0] != "domain", entry[0])):
        rows = []
        for value, count in counts:
            f2, n2 = (domains[value] - count, domains[TOTAL] - n) if name == "domain" and value in domains else (0, 0)
            bare = Evidence("metadata", (name, value), count, n, f2, n2, 0.0, 0.0)
            rows.append(known.get((name, value), bare))
        # What is left of the values says little, however many they are.
        found[name] = tuple(sorted(rows, key=lambda row: (row.pattern[-1] == OTHER, -row.f1, row.pattern)))
    return found


def effects_of(row: Mapping[str, Any]) -> dict[str, Effect]:
    """The effects of a row of PROFILES, by what was measured."""
    means = dict.fromkeys(("length", "position", "relative_position"), ("mean", "reference", "effect", "low", "high"))
    shares = dict.fromkeys(("noun", "verb", "adj"), ("share", "reference", "log_ratio", "low", "high"))
    return {name: Effect(*(row[f"{name}_{part}"] for part in parts)) for name, parts in (means | shares).items()}
