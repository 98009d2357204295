"""Tables of bracketed trees: read from Parquet and JSON Lines, and refused in one line."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronsig.errors import InputError
from neuronsig.mining import user_trees
from neuronsig.mining.user_trees import parsed_trees, tree_units, trees_fingerprint
from tests.fuzzing import ANY, fuzzed, like, tried

RAINS = ["S", "NP", "PRP", "VP", "VBZ"]
ROWS = [(7, "(S (NP (PRP It)) (VP (VBZ rains)))"), (3, None), (4, " "), (5, "(NN (Cat))")]


def write(path, rows, names=("sentence_id", "tree")):
    """A table as Parquet, JSON Lines or compressed JSON Lines, by its name."""
    if path.suffix == ".parquet":
        columns = zip(*rows, strict=True)
        pq.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), path, row_group_size=2)
        return str(path)
    lines = "\n\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return str(path)


def read(path, words=False):
    """(sentence_id, nodes, heads, error) of every row, in the order read."""
    batches = [batch for unit in tree_units(path) for batch in parsed_trees(unit, words)]
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize("name", ["trees.parquet", "trees.jsonl", "trees.jsonl.gz"])
def test_both_formats_give_the_same_rows_in_stretches_of_any_size(tmp_path, monkeypatch, name):
    path = write(tmp_path / name, ROWS)
    expected = [
        (7, RAINS, [0, 1, 2, 1, 4], None),
        (3, [], [], None),
        (4, [], [], None),
        (5, ["NN", "Cat"], [0, 1], None),
    ]
    assert read(path) == expected
    monkeypatch.setattr(user_trees, "STRETCH", 1)
    assert len(tree_units(path)) > 1 or name.endswith(".gz")
    assert read(path) == expected


def test_words_are_nodes_in_lower_case_where_they_are_asked_for(tmp_path):
    path = write(tmp_path / "a.jsonl", ROWS)
    assert read(path, words=True)[0][1:3] == (["S", "NP", "PRP", "it", "VP", "VBZ", "rains"], [0, 1, 2, 3, 1, 5, 6])


def test_a_folder_is_read_without_what_is_hidden_or_of_another_kind(tmp_path):
    (tmp_path / "_temporary").mkdir()
    for name, rows in (
        ("b.jsonl", ROWS[:1]),
        ("a.parquet", ROWS[2:]),
        ("_temporary/c.jsonl", ROWS),
        (".d.jsonl", ROWS),
    ):
        write(tmp_path / name, rows)
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "README").write_text("trees")
    assert [row[0] for row in read(str(tmp_path))] == [4, 5, 7]
    assert [row[0] for row in read(tmp_path.as_uri())] == [4, 5, 7]


def test_the_fingerprint_is_of_the_contents_wherever_they_lie(tmp_path):
    for folder, name in (("a", "t.jsonl"), ("b", "u.jsonl")):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / name, ROWS)
    first = trees_fingerprint(str(tmp_path / "a"))
    assert trees_fingerprint(str(tmp_path / "b")) == first
    write(tmp_path / "b" / "u.jsonl", [(7, "(S (NP (PRP It)) (VP (VBZ rainz)))"), *ROWS[1:]])
    assert trees_fingerprint(str(tmp_path / "b")) != first


@pytest.mark.parametrize(
    ("name", "line", "error"),
    [
        (
            "a.jsonl",
            '{"sentence_id": 1, "tree": "(S (NP)"}',
            "sentence_id 1: bracketed tree, character 8: 1 ')' missing",
        ),
        ("a.jsonl", "(S)", "a.jsonl, line 2: no JSON"),
        ("a.jsonl", "[1]", "a.jsonl, line 2: no JSON object"),
        ("a.jsonl", '{"sentence_id": 1}', "a.jsonl, line 2: no 'tree'; found sentence_id"),
        ("a.jsonl", '{"sentence_id": "1", "tree": "(S)"}', "line 2: 'sentence_id' is '1', expected a whole number"),
        ("a.jsonl", '{"sentence_id": 1, "tree": ["S"]}', "a.jsonl, line 2: 'tree' is no string"),
    ],
)
def test_a_row_that_is_wrong_says_so_and_stops_no_other(tmp_path, name, line, error):
    (tmp_path / name).write_text("\n".join([json.dumps({"sentence_id": 0, "tree": "(S)"}), line] * 2))
    found = read(str(tmp_path / name))
    assert [row[1] for row in found] == [["S"], [], ["S"], []]
    assert error in found[1][3]
    assert "\n" not in found[1][3]


def test_a_parquet_row_without_an_id_says_so(tmp_path):
    assert (
        read(write(tmp_path / "a.parquet", [(None, "(S)"), (2, "(S)")]))[0][3] == "a.parquet: a row has no sentence_id"
    )


@pytest.mark.parametrize(
    ("name", "rows", "names", "line"),
    [
        ("a.parquet", [(1, "(S)")], ("sentence_id", "parse"), "has no column 'tree'; found sentence_id, parse"),
        ("a.parquet", [(1, "(S)")], ("id", "tree"), "has no column 'sentence_id'; found id, tree"),
        (
            "a.parquet",
            [("1", "(S)")],
            ("sentence_id", "tree"),
            "column 'sentence_id' is string, expected whole numbers",
        ),
        ("a.parquet", [(1, ["S"])], ("sentence_id", "tree"), "column 'tree' is list<"),
        ("a.jsonl", [(1, "(S)")], ("sentence_id", "parse"), "a.jsonl, line 1: no 'tree'; found sentence_id, parse"),
        ("a.csv", [(1, "(S)")], ("sentence_id", "tree"), "no file ends in .parquet or .jsonl"),
    ],
)
def test_a_table_of_another_shape_is_refused_before_it_is_read(tmp_path, name, rows, names, line):
    path = write(tmp_path / name, rows, names)
    with pytest.raises(InputError, match=r"^mining\.trees") as raised:
        tree_units(path)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_table_that_is_not_there_or_broken_is_named(tmp_path):
    with pytest.raises(InputError, match=r"^mining\.trees=.*nothing does not exist; give the table of your trees"):
        tree_units(str(tmp_path / "nothing"))
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"^mining\.trees: .*a\.parquet cannot be read"):
        tree_units(str(tmp_path))


def test_a_file_that_breaks_off_says_so(tmp_path):
    path = write(tmp_path / "a.jsonl.gz", ROWS)
    data = (tmp_path / "a.jsonl.gz").read_bytes()
    (tmp_path / "a.jsonl.gz").write_bytes(data[:-12])
    assert "a.jsonl.gz cannot be read (" in [row[3] for row in read(path)][-1]


IDS = st.one_of(st.integers(), st.floats(), st.none(), st.booleans(), st.sampled_from([2**63, -(2**64), 10**400, "7"]))
VALUES = st.one_of(like(["(", ")", " ", "(NN x)", "(S (NP it))"]), st.none(), st.integers(), st.just([None]))
LINES = st.one_of(
    st.tuples(IDS, VALUES).map(lambda row: json.dumps(dict(zip(("sentence_id", "tree"), row, strict=True)))),
    st.dictionaries(st.one_of(ANY, st.sampled_from(["sentence_id", "tree"])), VALUES, max_size=3).map(json.dumps),
    st.sampled_from(
        ['{"sentence_id": 1e400, "tree": "(A)"}', '{"sentence_id": 1, "tree": "\\ud800"}', "[" * 5000, "[1]"]
    ),
    like(['{"sentence_id": 7, "tree": "(NN x)"}', "{", "}", '"', ",", ":", "\r"]),
)


@fuzzed
@given(lines=st.lists(LINES, max_size=4))
def test_any_lines_are_trees_or_told_in_one_line(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("fuzzed") / "a.jsonl"
    path.write_bytes("\n".join(lines).encode(errors="surrogatepass"))
    found = tried(lambda: read(str(path), words=True)) or []
    for sentence_id, nodes, heads, error in found:
        assert len(nodes) == len(heads)
        assert error is None or (str(InputError(error)).isprintable() and nodes == [])
        assert sentence_id is not None or error


@pytest.mark.parametrize("kind", [pa.uint64(), pa.int64(), pa.uint8()])
@pytest.mark.parametrize("text", [pa.string(), pa.large_string()])
def test_ids_of_any_whole_kind_are_read_or_told(tmp_path, kind, text):
    last = 2**63 + 1 if kind == pa.uint64() else 200
    pq.write_table(
        pa.table({"sentence_id": pa.array([1, last], kind), "tree": pa.array(["(A)", "(B)"], text)}),
        tmp_path / "a.parquet",
    )
    found = read(str(tmp_path))
    if kind == pa.uint64():
        assert "cannot be read" in found[-1][3]
    else:
        assert [row[0] for row in found] == [1, 200]
