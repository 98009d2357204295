"""What profiles are compared with: where sentences stand in documents."""

from __future__ import annotations

import numpy as np

from neuronsig.holdout import Holdout, is_held_out
from neuronsig.mining.moments import RELATIVE, Places
from neuronsig.tables import SENTENCES
from spark_jobs.mining.profiles import places_of, read_places
from tests.spark_jobs.mining.small_run import sentence, write


def test_sentences_stand_in_their_documents_and_those_held_out_nowhere(spark, tmp_path):
    rows = [sentence(i, "the dog") | {"doc_id": "long", "position": i} for i in range(40)]
    rows += [sentence(40 + i, "a cat") for i in range(3)]  # documents of one sentence
    write(tmp_path / "sentences" / "part-0.parquet", rows, SENTENCES)
    kept = np.flatnonzero(~is_held_out(np.arange(43), 0.2))
    assert len(kept) < 43
    places = read_places(spark, tmp_path / "sentences", Holdout(0.2, "sentence"))
    found = {row["sentence_id"]: (row["position"], row["relative"]) for row in places.collect()}
    expected = {int(i): (int(i), int(i) * RELATIVE // 39) if i < 40 else (0, None) for i in kept}
    assert found == expected
    listed = [int(i) for i in kept[:5]] + [int(kept[-1])]
    lists = spark.createDataFrame(
        [(7, i) for i in range(43) if i in listed or i not in kept], "neuron long, sentence_id long"
    )
    several = [i for i in listed if i < 40]
    relative = [i * RELATIVE // 39 for i in several]
    assert places_of(lists, places, 43) == {
        7: Places(
            6, sum(several), sum(i * i for i in several), len(several), sum(relative), sum(r * r for r in relative)
        )
    }
