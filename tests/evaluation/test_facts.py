from tests.evaluation.made import manifest

from nemoflow.evaluation.facts import StepFact, steps_of


def test_each_node_is_listed_once_in_the_order_of_its_start():
    found = steps_of([manifest("b", 2), None, manifest("a", 5), manifest("b", 2), manifest("c", 1)])
    assert [step.node for step in found] == ["c", "b", "a"]


def test_rows_out_are_those_of_the_outputs_that_have_rows():
    files = [{"path": "part-0", "rows": 3}, {"path": "part-1", "rows": 4}]
    outputs = {"kept": {"files": files}, "card": {"files": [{"path": "card.json", "rows": None}]}, "none": {"files": []}}
    assert StepFact(manifest("x", outputs=outputs)).rows_out == {"kept": 7}


def test_a_reused_node_says_where_it_was_made_and_a_skipped_one_why():
    reused = StepFact(manifest("x", reused_from="runs/first/x"))
    skipped = StepFact(manifest("x", status="skipped", reason="not better"))
    assert (reused.fate, reused.origin) == ("reused", "runs/first/x")
    assert (skipped.fate, skipped.origin) == ("skipped", "not better")
    assert (StepFact(manifest("x")).fate, StepFact(manifest("x")).origin) == ("ran", "")


def test_reasons_come_with_the_most_frequent_first_and_without_empty_ones():
    assert list(StepFact(manifest("x", dropped={"b": 2, "a": 2, "c": 9, "d": 0})).dropped) == ["c", "a", "b"]
