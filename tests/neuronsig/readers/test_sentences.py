import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuronsig.errors import InputError
from neuronsig.readers import in_order, require_sentences, sentences_by_id
from neuronsig.storage.parquet import table_files
from neuronsig.tables import SENTENCES

COLUMNS = ("sentence_id", "text", "metadata")


@pytest.fixture
def sentences(tmp_path):
    """Twenty sentences, the second half in the first file, four a row group."""
    rows = [
        {"sentence_id": i, "text": f"text {i}", "metadata": [("author", [str(i)])], "tokens": ["text", str(i)]}
        for i in range(20)
    ]
    folder = tmp_path / "sentences"
    folder.mkdir()
    for name, part in (("a", rows[10:]), ("b", rows[:10])):
        table = pa.Table.from_pylist(part, schema=SENTENCES)
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=4)
    return folder


def test_sentences_are_found_by_id_in_all_files_or_file_by_file(sentences):
    ids = np.array([2, 3, 11, 19])
    parts = [sentences_by_id(str(file), ids, COLUMNS) for file in table_files(sentences)]
    assert [part.num_rows for part in parts] == [2, 2]
    for found in (parts, [sentences_by_id(sentences, ids, COLUMNS)]):
        table = in_order(found, ids, sentences, "topk")
        assert table.schema.names == list(COLUMNS)
        assert table["sentence_id"].to_pylist() == ids.tolist()
        assert table["text"].to_pylist() == [f"text {i}" for i in ids]
        assert table["metadata"].to_pylist()[1] == [("author", ["3"])]
    assert sentences_by_id(sentences, np.zeros(0, np.int64), COLUMNS).num_rows == 0


def test_row_groups_without_a_wanted_sentence_are_not_read(sentences):
    content = bytearray((sentences / "b.parquet").read_bytes())
    start = pq.ParquetFile(sentences / "b.parquet").metadata.row_group(0).column(4).data_page_offset  # of text
    content[start : start + 8] = bytes(8)
    (sentences / "b.parquet").write_bytes(content)
    assert sentences_by_id(sentences, np.array([5, 12]), COLUMNS)["text"].to_pylist() == ["text 12", "text 5"]
    with pytest.raises(InputError, match=r"b\.parquet cannot be read"):
        sentences_by_id(sentences, np.array([1, 12]), COLUMNS)


@pytest.mark.parametrize(("named_by", "job"), [("topk", "collect"), ("tokenized", "tokenize")])
def test_a_sentence_that_is_not_there_is_named_with_the_remedy(sentences, named_by, job):
    said = f"sentences has no sentence_id 20, which {named_by}/ names: .* neuronsig annotate and neuronsig {job} again"
    ids = np.array([20, 4, 31])
    with pytest.raises(InputError, match=said):
        in_order([sentences_by_id(sentences, ids, COLUMNS)], ids, sentences, named_by)
    with pytest.raises(InputError, match=said):
        require_sentences(ids, np.array([4]), sentences, named_by)
