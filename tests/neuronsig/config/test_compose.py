import pytest
from omegaconf import OmegaConf

from neuronsig.config import compose as composing
from neuronsig.config.compose import by_hydra, compose, describe, to_yaml
from neuronsig.errors import ConfigError


def test_the_default_config_is_possible():
    config = compose()
    assert config.model.name == "minilm"
    assert list(config.corpus.sources) == ["documentation"]


def test_the_paper_preset_is_p1_setting():
    config = compose(["preset=paper"])
    assert config.collect.k == 10_000
    assert config.model.path == "bert-base-uncased"
    assert config.ray.replicas == 8
    assert len({source.domain for source in config.corpus.sources.values()}) == 6


def test_a_preset_yields_to_the_command_line():
    assert compose(["preset=demo", "collect.k=7"]).collect.k == 7


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["preset=demo", "collect.k=7", "run=elsewhere"],
        ["collect.k=7", "preset=paper", "collect.k=8", "collect.layers=[1,2]"],
        ["corpus=[text,csv]", "corpus.path=mine", "data='${run}/x'", "mining.kinds=[]"],
        ["model=local", "model.name=x", "++download.homes.mine.url=there", "ray.address=null_and_void"],
        ["~preset", "hydra.verbose=true", "collect.signs=[1,-1]"],
    ],
    ids=["defaults", "preset", "order", "list", "new key", "deleted"],
)
def test_words_set_in_a_copy_of_the_choices_are_what_hydra_makes_of_them(words: list[str]):
    for _ in range(2):
        merged = composing._merged(words)
        assert merged == by_hydra(words)
        assert OmegaConf.is_struct(merged)


def test_the_environment_is_read_each_time(monkeypatch: pytest.MonkeyPatch):
    for place in ("one", "two"):
        monkeypatch.setenv("NEURONSIG_DATA", place)
        assert compose().data == place


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("collect.k=0", "collect.k=0: must be 1 or more"),
        ("collect.k=many", "collect.k: Value 'many'"),
        (f"collect.k={10**30}", f"collect.k={10**30}: must be 9,223,372,036,854,775,807 at most"),
        (f"collect.layers=[1,{10**30}]", f"collect.layers=[1, {10**30}]: must be 9,223,372,036,854,775,807 at most"),
        (f"tokenize.seed={10**30}", "must be 9,223,372,036,854,775,807 at most"),
        ("download.timeout=inf", "download.timeout=inf: must be a finite number"),
        ("analysis.perplexity=nan", "analysis.perplexity=nan: must be a finite number"),
        ("collect.kk=3", "unknown key 'collect.kk'; did you mean collect.k?"),
        ("colect=default", "did you mean"),
        ("collect.shard_sentences=5", "did you mean tokenize.shard_sentences?"),
        ("tokenize.shard_sentences=0", "tokenize.shard_sentences=0: must be 1 or more sentences"),
        ("collect.signs=[2]", "collect.signs=[2]: must be [1], [-1] or [1,-1]"),
        ("collect.layers=[-1]", "collect.layers=[-1]: must be 0 or more"),
        ("collect.dtype=float16", "must be one of auto, float32, bfloat16"),
        ("mining.word_min_support=0", "mining.word_min_support=0.0: must be above 0 and at most 1"),
        ("mining.word_min_support=1.5", "must be above 0 and at most 1"),
        ("mining.word_max_length=0", "mining.word_max_length=0: must be 1 or more"),
        ("mining.neurons=[L1]", "mining.neurons='L1' is not a neuron's name"),
        ("neuron=L1", "neuron='L1' is not a neuron's name"),
        ("mining.kinds=itemset", "mining.kinds=itemset: must be a list, as in mining.kinds=[itemset]"),
        ("mining.layers=3", "mining.layers=3: must be a list, as in mining.layers=[3]"),
        ("model=minilm2", "model=minilm2: no such choice; choose one of bert_base, local, minilm"),
        ("collect=3", "collect=3: no such choice; choose one of default"),
        ("corpus=[six,20]", "corpus=[six,20]: no such choice; choose one of csv, documentation"),
        ("preset=null", "preset=null: no such choice; choose one of demo, paper"),
        ("=3", "'=3' is not of the form key=value"),
        ("spark.conf=spark.a=b", "spark.conf=spark.a=b: must be a list, as in spark.conf=[spark.a=b]"),
        ("spark.conf=['spark.a=b'", """quote the word and what is in the list: "spark.conf=['...','...']\""""),
        ("model=local", "model.name: a value is missing"),
        ("corpus=text", "set corpus.path=..."),
        ("corpus.path=mine", "corpus.path=mine: the corpus chosen (documentation) does not read it; give it with"),
        ("corpus.path=mine", "or set corpus.sources.documentation.path=..."),
        ("corpus.text_column=body", "give it with corpus=csv or corpus=jsonl or corpus=parquet, or set"),
        ("corpus.metadata_columns=[author]", "corpus.metadata_columns=['author']: the corpus chosen (documentation)"),
        ("corpus.sources.documentation.format=word", "must be one of documentation, reuters"),
        ("spark.driver_memory=lots", "must be a number with k, m or g"),
        ("run=", "run='': must be a path"),
        ("run=foo://bucket/run", "run=foo://bucket/run: scheme foo:// is unknown; use a path, s3://"),
        ("run", "is not of the form key=value"),
        ("+collect.kk=3", "no key needs it; write collect.kk=3"),
        ("++collect.k=3", "a key cannot begin with '+'"),
        (
            "corpus.sources.mine.formt=text",
            "unknown key 'corpus.sources.mine.formt'; did you mean corpus.sources.mine.format?",
        ),
        ("corpus.sources.mine.format=text", "corpus.sources.mine.path: a value is missing"),
        ("corpus.sources.documentation.max_documents=x", "Value 'x'"),
        ("corpus.sources.documentation.domain=total", "must be another name"),
    ],
)
def test_an_impossible_value_is_named_in_one_line(word: str, said: str):
    with pytest.raises(ConfigError) as caught:
        compose([word])
    message = str(caught.value)
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize("words", [["corpus=reuters", "corpus.path=mine"], ["corpus=text", "corpus.id_column=id"]])
def test_a_corpus_key_that_no_source_reads_is_refused(words: list[str]):
    with pytest.raises(ConfigError, match=r"does not read it; give it with corpus=csv or corpus=jsonl"):
        compose([*words, "corpus.path=mine"])


def test_a_corpus_key_may_be_given_where_a_source_reads_it():
    words = ["corpus.path=reviews.csv", "corpus.text_column=body", "corpus.metadata_columns=[author,stars]"]
    source = compose(["corpus=csv", *words]).corpus.sources["csv"]
    assert (source.path, source.text_column, source.metadata_columns) == ("reviews.csv", "body", ["author", "stars"])


def test_the_shown_config_has_the_chosen_values_and_only_the_asked_sections():
    shown = to_yaml(compose(["collect.k=123"]), ["collect"])
    assert "k: 123" in shown
    assert "mining" not in shown


def test_every_key_has_a_meaning():
    rows = describe(["corpus", "annotator", "model", "collect", "mining", "analysis", "spark", "ray", "train"])
    assert all(meaning.strip() for _, _, meaning in rows)
    assert ("collect.k", "10000", "sentences kept for each neuron (P1: 10,000)") in rows


@pytest.mark.parametrize("value", ["local[2]", "a path (with) it's blanks", "back\\slash[1", "ends[in\\"])
def test_a_value_needs_no_quotes_for_hydras_grammar(value: str):
    assert compose([f"spark.master={value}"]).spark.master == value


@pytest.mark.parametrize("given", ["[spark.a=b, spark.c=local[2]]", "['spark.a=b','spark.c=local[2]']"])
def test_texts_of_a_list_need_no_quotes_for_hydras_grammar(given: str):
    assert compose([f"spark.conf={given}"]).spark.conf == ["spark.a=b", "spark.c=local[2]"]


@pytest.mark.parametrize("value", ["1e3", "1.10", "a,b", "007", "true", "null", "${data}/run", "'quoted, by hand'"])
def test_text_is_taken_as_it_is_written(value: str):
    expected = {"${data}/run": "texts/run", "'quoted, by hand'": "quoted, by hand"}.get(value, value)
    words = ["data=texts", f"run={value}", f"corpus.sources.documentation.domain={value}"]
    config = compose(words)
    assert (config.run, config.corpus.sources["documentation"].domain) == (expected, expected)


def test_a_source_and_a_home_can_be_added_on_the_command_line():
    words = [f"corpus.sources.mine.{key}" for key in ("format=text", "path=my_texts", "domain=mine", "max_documents=3")]
    config = compose([*words, "download.homes.mine.url=https://example.org/x.gz"])
    assert list(config.corpus.sources) == ["documentation", "mine"]
    mine = config.corpus.sources["mine"]
    assert (mine.format, mine.path, mine.max_documents, mine.text_column) == ("text", "my_texts", 3, "text")
    assert config.download.homes["mine"] == {"url": "https://example.org/x.gz"}


def test_the_keys_of_a_source_are_described():
    rows = {key: default for key, default, _ in describe(["corpus"])}
    assert rows["corpus.sources.NAME.text_column"] == "text"
    assert {"corpus.sources.NAME.format", "corpus.sources.NAME.max_documents"} <= set(rows)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("collect.k={}", "could not be converted to Integer"),
        ("collect.layers=[{}]", "cannot be read"),
        ("download.timeout={}", "must be a finite number"),
        ("ray.replicas=-{}", "could not be converted to Integer"),
    ],
)
def test_a_number_of_thousands_of_digits_is_refused_in_one_line(key: str, said: str):
    with pytest.raises(ConfigError, match=said) as caught:
        compose([key.format("9" * 5000)])
    assert str(caught.value).isprintable()
