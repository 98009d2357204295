import numpy as np
import pyarrow as pa
import pytest

from neuronsig.analysis.rankings import field_counts, field_names, rank_from_most, sentiment_sd
from neuronsig.tables import PROFILES


def test_rank_one_is_the_greatest_and_equal_values_share_a_rank():
    assert rank_from_most(np.array([0.1, 0.9, 0.5, 0.5])).tolist() == [4, 1, 2.5, 2.5]


def test_a_neuron_without_a_value_has_no_rank():
    ranks = rank_from_most(np.array([np.nan, 2.0, 1.0]))
    assert np.isnan(ranks[0])
    assert ranks[1:].tolist() == [1, 2]


def test_sentiment_deviation_is_half_for_one_polarity_and_zero_for_both():
    counts = [{"positive": 20}, {"positive": 10, "negative": 10}, {"positive": 15, "negative": 5, "neutral": 99}]
    assert sentiment_sd(counts) == pytest.approx([0.5, 0.0, 0.25])


def test_a_neuron_with_few_sentences_of_known_sentiment_has_no_deviation():
    assert np.isnan(sentiment_sd([{"positive": 9}, {}], at_least=10)).all()


def test_a_fields_counts_are_read_from_the_table_column():
    rows = [[("domain", [("book", 3)]), ("author", [("X", 1)])], [("author", [("Y", 2)])], None]
    column = pa.chunked_array([pa.array(rows, PROFILES.field("metadata_profile").type)])
    assert field_counts(column, "author") == [{"X": 1}, {"Y": 2}, {}]
    assert field_names(column) == ["domain", "author"]
