"""Reads neurons' signatures from a run directory: few scans for many neurons, and never a whole corpus in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from neuronsig.errors import ConfigError, InputError
from neuronsig.mining.profiles import OTHER, most_selective
from neuronsig.neuron import SITES, Neuron
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.findings import STAGES, Activations, Findings
from neuronsig.signature.highlight import Signature
from neuronsig.signature.mining_command import mining_command
from neuronsig.signature.view import Effect, Evidence, FacetView, Link, NeuronView, SentenceView, Share
from neuronsig.storage import parquet_source, read_parquet
from neuronsig.tables import NEURONS, PROFILES, SENTENCES, SIGNATURES, TOPK, check_table, table_files

SENTENCE_COLUMNS = ("sentence_id", "domain", "doc_id", "text", "tokens", "metadata")
CORPORA_COLUMNS = ("domain", "sentences", "words", "length_mean", "noun_share", "verb_share", "adj_share", "metadata")
TOTAL = "total"
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

        What jobs after mining found is used where it was made from what the run holds now; `left_out` says of what
        was not how it is made again.
        """
        _require_model(run, model, needed_by)
        for stage in required_stages(model):
            run.fingerprint(stage, needed_by)
        self.run, self.model, self.sentences = run, model, sentences
        self.left_out: dict[str, str] = {}
        for directory, schema in (
            (run.sentences, SENTENCES),
            (run.topk(model), TOPK),
            (run.signatures(model), SIGNATURES),
        ):
            check_table(directory, schema)
        made = [job for job in STAGES if self._is_current(f"{job}/{model}", needed_by)]
        self.clustered = "cluster" in made
        self.findings = Findings(run, model, made)
        self.profiles = self._profiles()
        self.neurons = sorted(self.profiles, key=lambda n: (SITES.index(n.site), n.layer, -n.sign, n.unit))
        self.layers = sorted({neuron.layer for neuron in self.neurons})
        self._places = {neuron: place for place, neuron in enumerate(self.neurons)}
        self.corpora = read_corpora(run) if self._is_current("corpus_table", needed_by) else []
        self.total = next((row for row in self.corpora if row["domain"] == TOTAL), {})
        self.domains = {row["domain"]: row["sentences"] for row in self.corpora}
        self.clusters: dict[int, list[Neuron]] = {}
        for neuron in self.neurons:
            if (cluster := self.profiles[neuron].get("cluster")) is not None:
                self.clusters.setdefault(cluster, []).append(neuron)
        self._top: _TopSentences | None = None
        self._similar: dict[Neuron, tuple[Link, ...]] = {}

    def require(self, neuron: Neuron) -> Neuron:
        """The neuron itself; raises ConfigError that states the run's layers and units when it is not there."""
        if neuron in self.profiles:
            return neuron
        layers = sorted({n.layer for n in self.neurons if n.site == neuron.site})
        if not layers:
            sites = ", ".join(sorted({n.site for n in self.neurons}))
            raise ConfigError(f"neuron={neuron}: site {neuron.site} is not in run={self.run.root}; it holds {sites}")
        units = max(n.unit for n in self.neurons if n.site == neuron.site)
        signs = {n.sign for n in self.neurons}
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
            group = [neuron for neuron in self.neurons if self.profiles[neuron]["mined"] == mined]
            rows = [self.profiles[neuron] for neuron in group]
            bits, leads = [row["lead_bits"] for row in rows], [row["lead_item"] for row in rows]
            chosen += most_selective(group, bits, leads, n - len(chosen))
        return chosen

    def prefetch(self) -> None:
        """Read the top sentences and the similar neurons of all neurons at once, for callers that want every view."""
        self._top = _TopSentences(self, self.neurons)
        self._similar = self._similar_of(self.neurons)

    def views(self, neurons: Sequence[Neuron], with_sentences: bool = True) -> Iterator[NeuronView]:
        """One view for each neuron, in the order given; raises ConfigError for one that is not in the run.

        Without sentences a view has the statistics alone, which is all that a description needs.
        """
        for neuron in neurons:
            self.require(neuron)
        top = (self._top or _TopSentences(self, neurons)) if with_sentences else None
        similar = (self._similar or self._similar_of(neurons)) if with_sentences else {}
        evidence = self._evidence(neurons)
        for neuron in neurons:
            yield self._view(neuron, evidence.get(neuron, {}), top, similar.get(neuron, ()))

    def _view(
        self,
        neuron: Neuron,
        evidence: dict[str, tuple[Evidence, ...]],
        top: _TopSentences | None,
        similar: tuple[Link, ...],
    ) -> NeuronView:
        row = self.profiles[neuron]
        signature = Signature(evidence.get("words", ()), evidence.get("word_sequence", ()))
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
            sentences=tuple(top.of(neuron, signature)) if top else (),
            evidence=evidence,
            metadata=metadata_distribution(
                row["metadata_profile"] or [], row["n_sentences"], evidence.get("metadata", ()), self.domains
            ),
            typical=top.sentence(typical, signature) if top and typical is not None else None,
            cluster=cluster,
            cluster_size=len(self.clusters.get(cluster, ())) if cluster is not None else 0,
            similar=similar,
            mining_command="" if row["mined"] else mining_command(self.run, self.model, neuron),
            effects=effects_of(row),
            facets=tuple(_facet(facet, top, signature) for facet in facets) or None,
            trigger=self.findings.trigger(neuron),
            score=self.findings.scores.get(neuron),
            stability=self.findings.stability.get(neuron),
            missing=self.findings.missing(),
        )

    def _is_current(self, stage: str, needed_by: str) -> bool:
        """Whether an optional stage is there, and made from what the run holds now."""
        if self.run.stage_record(stage) is None:
            return False
        try:
            self.run.fingerprint(stage, needed_by)
        except InputError as error:
            self.left_out[stage] = str(error)
            return False
        return True

    def _profiles(self) -> dict[Neuron, dict[str, Any]]:
        """Profiles as mining wrote them, with what clustering added where it is of the same signatures."""
        profiles = _rows(self.run.profiles(self.model), PROFILES, PROFILES.names)
        if self.clustered:
            key = ("site", "layer", "unit", "sign")
            added = _rows(self.run.neurons(self.model), NEURONS, (*key, "typical_sentence_id", "cluster", "facets"))
            for neuron, row in profiles.items():
                row.update(added.get(neuron, {}))
        return profiles

    def _evidence(self, neurons: Sequence[Neuron]) -> dict[Neuron, dict[str, tuple[Evidence, ...]]]:
        table = _scan(self.run.signatures(self.model), SIGNATURES.names, _neuron_filter(neurons)).sort_by("rank")
        key = ("site", "layer", "unit", "sign")
        cells = ("kind", "pattern", "f1", "n1", "f2", "n2", "log_ratio", "lrc", "g2", "matched", "q", "explained_by")
        wanted = {(n.site, n.layer, n.unit, n.sign): n for n in neurons}
        found: dict[Neuron, dict[str, list[Evidence]]] = {}
        for row in zip(*(table[name].to_pylist() for name in key + cells), strict=True):
            if (neuron := wanted.get(row[:4])) is not None:
                evidence = Evidence(*row[4:])._replace(pattern=tuple(row[5]), explained_by=tuple(row[-1] or ()))
                found.setdefault(neuron, {}).setdefault(evidence.kind, []).append(evidence)
        return {neuron: {kind: tuple(rows) for kind, rows in kinds.items()} for neuron, kinds in found.items()}

    def _similar_of(self, neurons: Sequence[Neuron]) -> dict[Neuron, tuple[Link, ...]]:
        """The neurons of the same cluster whose vectors are nearest by cosine, for each of `neurons`."""
        if not self.clustered:
            return {}
        wanted = {self.profiles[neuron].get("cluster") for neuron in neurons} - {None}
        columns = ("site", "layer", "unit", "sign", "cluster", "vector")
        found: dict[Neuron, tuple[Link, ...]] = {}
        for cluster in wanted:
            table = _scan(self.run.neurons(self.model), columns, ds.field("cluster") == cluster)
            keys = zip(*(table[name].to_pylist() for name in columns[:4]), strict=True)
            members = [Neuron(*key) for key in keys]
            vectors = np.stack(table["vector"].combine_chunks().to_numpy(zero_copy_only=False)).astype(np.float32)
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)  # (members, dimension)
            asked = set(neurons)
            for index in (i for i, member in enumerate(members) if member in asked):
                cosine = vectors @ vectors[index]  # (members,)
                cosine[index] = -np.inf
                order = np.argsort(-cosine, kind="stable")[: min(SIMILAR, len(members) - 1)]
                found[members[index]] = tuple(Link(members[i], similarity=float(cosine[i])) for i in order)
        return found


class _TopSentences:
    """The first sentences of some neurons, and their texts, as Arrow tables ordered for binary search."""

    def __init__(self, reader: SignatureReader, neurons: Sequence[Neuron]) -> None:
        wanted = set(neurons)
        condition = _neuron_filter(neurons) & (ds.field("rank") < reader.sentences)
        top = _scan(reader.run.topk(reader.model), TOPK.names, condition)
        self._ranked: dict[Neuron, list[tuple[int, float, int]]] = {}
        for r in top.to_pylist():
            neuron = Neuron(r["site"], r["layer"], r["unit"], r["sign"])
            if neuron in wanted:
                self._ranked.setdefault(neuron, []).append((r["rank"], r["score"], r["sentence_id"]))
        self._activations = reader.findings.activations(neurons, _neuron_filter(neurons))
        rows = [reader.profiles[neuron] for neuron in wanted]
        named = [row.get("typical_sentence_id") for row in rows]
        named += [facet["typical_sentence_id"] for row in rows for facet in row.get("facets") or []]
        ids = {i for ranked in self._ranked.values() for _, _, i in ranked} | {i for i in named if i is not None}
        value_set = pa.array(sorted(ids), pa.int64())
        table = _scan(reader.run.sentences, SENTENCE_COLUMNS, ds.field("sentence_id").isin(value_set))
        self._table = table.sort_by("sentence_id").combine_chunks()
        self._ids = self._table["sentence_id"].to_numpy()
        if len(self._ids) < len(ids):
            absent = min(ids - set(self._ids.tolist()))
            raise InputError(
                f"{reader.run.sentences} has no sentence_id {absent}, which topk/{reader.model} names: one of the "
                f"tables lost files; delete both and run python -m jobs.annotate and jobs.collect again"
            )

    def of(self, neuron: Neuron, signature: Signature) -> list[SentenceView]:
        ranked = sorted(self._ranked.get(neuron, ()))
        rows = self._rows([sentence_id for _, _, sentence_id in ranked])
        known = self._activations.get(neuron, {})
        return [
            _sentence(row, signature, rank, score, known.get(sentence_id))
            for row, (rank, score, sentence_id) in zip(rows, ranked, strict=True)
        ]

    def sentence(self, sentence_id: int, signature: Signature) -> SentenceView:
        return _sentence(self._rows([sentence_id])[0], signature)

    def _rows(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        return list(self._table.take(np.searchsorted(self._ids, ids)).to_pylist())


def _first(*values: float | None) -> float | None:
    """The first that is known."""
    return next((value for value in values if value is not None), None)


def _facet(facet: Mapping[str, Any], top: _TopSentences | None, signature: Signature) -> FacetView:
    words, typical = facet["words"] or [], facet["typical_sentence_id"]
    return FacetView(
        facet["share"],
        tuple(word["word"] for word in words),
        top.sentence(typical, signature) if top else None,
        tuple((word["share"], word["others"]) for word in words),
    )


def _sentence(
    row: dict[str, Any],
    signature: Signature,
    rank: int = -1,
    score: float = float("nan"),
    activations: Activations | None = None,
) -> SentenceView:
    text, tokens = row["text"] or "", row["tokens"] or []
    known = activations or Activations((), -1, "")
    return SentenceView(
        sentence_id=row["sentence_id"],
        text=text,
        domain=row["domain"] or "",
        doc_id=row["doc_id"] or "",
        metadata={name: values or [] for name, values in row["metadata"] or []},
        segments=signature.segments(text, tokens, known.shades, known.trigger),
        rank=rank,
        score=score,
        note=known.note,
    )


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


def read_corpora(run: RunDirectory) -> list[dict[str, Any]]:
    """P1 Table 1 as jobs.corpus_table made it, a row a domain and `total` last; empty when it was not made."""
    file = run.analysis("corpora.parquet")
    if not file.exists():
        return []
    try:
        return read_parquet(file, CORPORA_COLUMNS).to_pylist()
    except (pa.ArrowException, OSError) as error:
        line = re.sub(r"\s+", " ", str(error))[:200]
        raise InputError(
            f"{file} cannot be read ({line}); delete it and run python -m jobs.corpus_table again"
        ) from error


def required_stages(model: str) -> tuple[str, ...]:
    """The stages whose results a signature is made of."""
    return "annotate", f"collect/{model}", f"mine/{model}"


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


def _rows(directory: Path, schema: pa.Schema, columns: Sequence[str]) -> dict[Neuron, dict[str, Any]]:
    """A table of one row a neuron, by neuron."""
    check_table(directory, schema)
    rows = pq.read_table(**parquet_source(table_files(directory)), columns=list(columns), partitioning=None).to_pylist()
    return {Neuron(r["site"], r["layer"], r["unit"], r["sign"]): r for r in rows}


def _neuron_filter(neurons: Sequence[Neuron]) -> ds.Expression:
    """A superset of the neurons' rows that Parquet statistics can prune by."""
    layers = pa.array(sorted({n.layer for n in neurons}), pa.int16())
    units = pa.array(sorted({n.unit for n in neurons}), pa.int32())
    sites = pa.array(sorted({n.site for n in neurons}), pa.string())
    return ds.field("site").isin(sites) & ds.field("layer").isin(layers) & ds.field("unit").isin(units)


def _scan(directory: Path, columns: Sequence[str], condition: ds.Expression) -> pa.Table:
    """Rows that fulfil the condition, read batch by batch so that only they are held."""
    dataset = ds.dataset(**parquet_source(table_files(directory)), format="parquet")
    scanner = dataset.scanner(
        columns=list(columns), filter=condition, batch_readahead=2, fragment_readahead=1, use_threads=True
    )
    try:
        return scanner.to_table()
    except (pa.ArrowException, OSError) as error:
        line = re.sub(r"\s+", " ", str(error))[:200]
        raise InputError(
            f"{directory} cannot be read ({line}); delete it and run the job that makes it again"
        ) from error


def _ranges(numbers: Sequence[int]) -> str:
    """`1 to 6` for consecutive numbers, `1, 3, 5` otherwise."""
    if list(numbers) == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 1:
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers))
