"""Where everything of a run lies."""

from pathlib import Path

from neuronsig.storage.location import location


class Layout:
    """Paths below a run's folder: tables of the text at its top, those of a model in a folder named for it below."""

    def __init__(self, root: Path | str) -> None:
        self.root = location(root)

    @property
    def record_file(self) -> Path:
        return self.root / "run.json"

    @property
    def sentences(self) -> Path:
        return self.root / "sentences"

    def tokenized(self, tokenizer: str) -> Path:
        return self.root / "tokenized" / tokenizer

    def topk(self, model: str) -> Path:
        return self.root / "topk" / model

    def shards(self, model: str) -> Path:
        """Per-shard top-K files and their markers; input of the tree reduce, not part of the topk table."""
        return self.root / "work" / "shards" / model

    def signatures(self, model: str) -> Path:
        return self.root / "signatures" / model

    def statements(self, model: str) -> Path:
        return self.root / "statements" / model

    def profiles(self, model: str) -> Path:
        return self.root / "profiles" / model

    def neurons(self, model: str) -> Path:
        return self.root / "neurons" / model

    def evaluation(self, model: str) -> Path:
        return self.root / "evaluation" / model

    def triggers(self, model: str) -> Path:
        return self.root / "triggers" / model

    def detectors(self, model: str) -> Path:
        return self.root / "detectors" / model

    def analysis(self, *parts: str) -> Path:
        return self.root.joinpath("analysis", *parts)

    def work(self, *parts: str) -> Path:
        """Intermediate files of a stage; safe to delete once the stage is done."""
        return self.root.joinpath("work", *parts)

    @property
    def report(self) -> Path:
        return self.root / "report"
