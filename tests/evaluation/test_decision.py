import pytest

from nemoflow.errors import InputError
from nemoflow.evaluation.decision import Decision, Rule

HELD, BROKEN = Rule("min_gain", True, "no worse"), Rule("significance", False, "p = 0.4")


def test_one_broken_rule_refuses_and_is_the_reason():
    assert Decision((HELD,)).passed
    assert Decision((HELD,)).reason == ""
    refused = Decision((HELD, BROKEN), {"truncated": 0.5})
    assert (refused.passed, refused.reason) == (False, "significance: p = 0.4")
    assert Decision.from_json(refused.to_json(), "gate.json") == refused


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (None, r"gate\.json: rules: got 'None'; the rules that `gate` judged by were expected"),
        ([], r"gate\.json: rules: got '\[\]'"),
        ([HELD.__dict__, "no"], r"gate\.json: rules\[1\]\.name: got 'None'; a str was expected"),
        ([{"name": "min_gain", "passed": 1, "words": "w"}], r"rules\[0\]\.passed: got '1'; a bool was expected, as `gate` writes it"),
    ],
)
def test_a_file_that_is_no_decision_is_named_by_field_and_value(rules, said):
    with pytest.raises(InputError, match=said):
        Decision.from_json({"v": 1, "passed": True, "rules": rules}, "gate.json")
