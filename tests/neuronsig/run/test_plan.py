from neuronsig.run.plan import plan_difference


def test_a_difference_names_changed_new_and_missing_values():
    assert plan_difference({"a": 1, "b": {"c": 2}}, {"b": {"c": 3}, "d": 4}) == (
        "a was 1, now absent; b.c was 2, now 3; d was absent, now 4"
    )
