"""Train the annotators that ship with the package on UD English EWT, measure them, and pack them.

    neuronsig train_annotators train.treebank=FOLDER train.output=FOLDER

Prints tagging accuracy and unlabelled attachment (UAS) on the test set before and after pruning, sizes and
seconds. `train.output=spark_jobs/models` puts the models in the package's place.
"""

import time
from pathlib import Path

from neuronsig.annotation.treebank import read_conllu
from neuronsig.config import Config
from neuronsig.errors import InputError, MachineError
from neuronsig.progress import say, show_table
from neuronsig_jobs.launch import Summary
from spark_jobs.session import spark_session

MAX_BYTES = 15e6
"""Of both models together: they are part of the package, which is to stay small."""
# Averages under 1 are mostly of features seen a few times: they are more than half of all weights and of the
# seconds a parser takes to load, and a tenth of a per cent of UAS.
THRESHOLDS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def run(config: Config) -> Summary:
    """Train, prune until both models fit, measure before and after, write archives and attribution."""
    treebank = find_treebank(Path(config.train.treebank))
    train, test = read_conllu(treebank["train"]), read_conllu(treebank["test"])
    output = Path(config.train.output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"train.output={output} cannot be written ({error.strerror}); choose another") from None

    spark = spark_session(config.spark, nlp=True)
    from spark_jobs import training
    from spark_jobs.annotators import TAGGER, parser_of, scala_lane
    from spark_jobs.parser import PARSER

    clock = time.monotonic()
    tagger = training.train_tagger(spark, train, config.train.pos_iterations)
    tagger_seconds = time.monotonic() - clock
    tagger_bytes = training.zip_tagger(tagger, output / scala_lane(spark) / TAGGER)
    say(f"  tagger: trained in {tagger_seconds:.0f} s, {tagger_bytes / 1e6:.1f} MB")

    clock = time.monotonic()
    parser = training.train_parser(spark, train, config.train.parser_iterations, lambda line: say(f"  {line}"))
    parser_seconds = time.monotonic() - clock

    def measure(candidate: training.TrainedParser) -> tuple[float, float]:
        text = ["\n".join(lines) for lines in (candidate.tagger, candidate.moves)]
        return training.evaluate(spark, test, tagger, parser_of(spark, *text))

    archive = output / PARSER
    before_bytes = training.zip_parser(parser, archive)
    for least in THRESHOLDS:
        shipped = parser.pruned(least)
        parser_bytes = training.zip_parser(shipped, archive)
        say(f"  parser: without weights below {least} {parser_bytes / 1e6:.1f} MB")
        if tagger_bytes + parser_bytes <= MAX_BYTES:
            break
    else:
        raise MachineError(
            f"the models take {(tagger_bytes + parser_bytes) / 1e6:.1f} MB at the last threshold, "
            f"{MAX_BYTES / 1e6:.0f} are allowed; train with fewer iterations"
        )
    (accuracy, uas_before), (_, uas) = measure(parser), measure(shipped)
    rows: list[tuple[str, str]] = [
        ("training sentences, words", f"{len(train):,}, {sum(map(len, train)):,}"),
        ("test sentences, words", f"{len(test):,}, {sum(map(len, test)):,}"),
        ("POS accuracy", f"{accuracy:.2%}"),
        ("UAS as trained", f"{uas_before:.2%}"),
        ("UAS as shipped", f"{uas:.2%}"),
        ("weights as trained", f"{parser.weights():,}"),
        (f"weights kept (average of {least} or more)", f"{shipped.weights():,}"),
        ("tagger, MB", f"{tagger_bytes / 1e6:.2f}"),
        ("parser, MB as trained", f"{before_bytes / 1e6:.2f}"),
        ("parser, MB as shipped", f"{parser_bytes / 1e6:.2f}"),
        ("tagger, training seconds", f"{tagger_seconds:.0f}"),
        ("parser, training seconds", f"{parser_seconds:.0f}"),
    ]
    (output / "ATTRIBUTION.md").write_text(attribution(config, rows), encoding="utf-8")
    show_table("Annotators on the test set of UD English EWT", ("measure", "value"), rows)
    return {"models": str(output), "POS accuracy": f"{accuracy:.2%}", "UAS": f"{uas:.2%}"}


def find_treebank(folder: Path) -> dict[str, Path]:
    """The train and test files of a UD treebank's folder; raises InputError when one is missing."""
    found = {}
    for part in ("train", "test"):
        files = sorted(folder.glob(f"*-ud-{part}.conllu"))
        if len(files) != 1:
            raise InputError(
                f"train.treebank={folder}: {len(files)} files named *-ud-{part}.conllu, expected 1; "
                "give the folder of UD English EWT (https://github.com/UniversalDependencies/UD_English-EWT)"
            )
        found[part] = files[0]
    return found


def attribution(config: Config, rows: list[tuple[str, str]]) -> str:
    """The text that stands beside the models: origin, licence, how they were made, and the figures."""
    figures = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"""# The annotators in this folder

Trained on **UD English EWT** (Universal Dependencies English Web Treebank; Natalia Silveira, Timothy Dozat,
Christopher Manning, Sebastian Schuster and others; <https://github.com/UniversalDependencies/UD_English-EWT>),
which is licensed under **Creative Commons Attribution-ShareAlike 4.0 International** (CC BY-SA 4.0,
<https://creativecommons.org/licenses/by-sa/4.0/>). The models are adaptations of it and come under the same
licence; the rest of the package does not.

- `scala*/pos_ewt.zip`: a saved Spark NLP `PerceptronModel`, Penn tags (XPOS), {config.train.pos_iterations} iterations.
- `dependency_ewt.zip`: the weights of a Spark NLP `DependencyParserModel` as text, unlabelled,
  {config.train.parser_iterations} iterations, with a trained inner tagger and jackknifed tags; small weights pruned.

Made by `neuronsig train_annotators`. Measured on the treebank's test set, gold tokens, predicted tags,
punctuation included:

| measure | value |
| --- | ---: |
{figures}
"""
