from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.made import attempt, evidence, problem

from nemoflow.evaluation.compare import Pair, pair_up
from nemoflow.evaluation.decision import Decision
from nemoflow.evaluation.gate import Limits, judge
from nemoflow.evaluation.score import verify_rollouts

OUTCOMES = st.lists(st.tuples(st.sampled_from(["numeral", "unit", "bits"]), st.booleans(), st.booleans()), min_size=1, max_size=30)
LIMITS = st.builds(
    Limits, st.floats(-100, 100), st.floats(0, 100), st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0])
)


def paired(outcomes: list[tuple[str, bool, bool]], cut_off: int = 0) -> list[Pair]:
    """A problem each: its kind, whether the base is right, whether the adapter is; the first `cut_off` of the adapter's are cut off."""
    problems = [problem(index, kind) for index, (kind, _, _) in enumerate(outcomes)]
    by_id = {row.id: row for row in problems}

    def side(which: int) -> list:
        ends = ["length" if which == 2 and index < cut_off else "stop" for index in range(len(problems))]
        answers = ["XII" if outcome[which] else "I" for outcome in outcomes]
        return verify_rollouts([attempt(*row) for row in zip(problems, answers, ends, strict=True)], by_id)

    return pair_up(problems, side(1), side(2))


def words(decision: Decision) -> dict[str, tuple[bool, str]]:
    return {rule.name: (rule.passed, rule.words) for rule in decision.rules}


@given(OUTCOMES)
def test_by_default_an_adapter_passes_unless_it_is_worse_than_its_base(outcomes):
    base, adapter = (sum(outcome[which] for outcome in outcomes) for which in (1, 2))
    decision = judge(paired(outcomes), Limits())
    assert decision.passed == (adapter >= base)
    assert bool(decision.reason) != decision.passed


@given(OUTCOMES, LIMITS, st.integers(0, 5))
def test_a_decision_is_what_its_file_says_and_passes_only_where_every_rule_holds(outcomes, limits, cut_off):
    decision = judge(paired(outcomes, cut_off), limits)
    assert decision.passed == all(rule.passed for rule in decision.rules)
    assert Decision.from_json(decision.to_json(), "gate.json") == decision


@given(OUTCOMES, LIMITS, LIMITS)
def test_who_asks_for_more_never_lets_more_pass(outcomes, one, other):
    strict = Limits(
        max(one.min_gain, other.min_gain),
        min(one.max_family_drop, other.max_family_drop),
        min(one.significance or 1, other.significance or 1) % 1,
        min(one.max_truncated, other.max_truncated),
    )
    pairs = paired(outcomes)
    if judge(pairs, strict).passed:
        assert judge(pairs, one).passed
        assert judge(pairs, other).passed


def test_a_gain_that_is_just_what_was_asked_passes():
    pairs = paired([("unit", False, True), *[("unit", True, True)] * 2])
    assert judge(pairs, Limits(min_gain=100 / 3)).passed
    refused = judge(pairs, Limits(min_gain=34))
    assert refused.reason == "min_gain: asked for +34 points over the base, found +33.33 points over 3 problems"


def test_a_kind_that_loses_too_much_is_named_and_a_gain_elsewhere_does_not_pay_for_it():
    outcomes = [*[("unit", False, True)] * 8, *[("bits", True, False)] * 2, *[("bits", True, True)] * 2]
    decision = judge(paired(outcomes), Limits(max_family_drop=10))
    assert words(decision)["min_gain"][0]
    assert decision.reason == "max_family_drop: no kind may lose more than 10 points, found bits -50.00"
    held = judge(paired(outcomes), Limits(max_family_drop=50))
    assert words(held)["max_family_drop"] == (True, "no kind may lose more than 50 points, found bits -50.00")


def test_a_gain_that_luck_may_have_made_is_refused_where_significance_is_asked():
    pairs = paired([*[("unit", False, True)] * 4, *[("unit", True, True)] * 6])
    assert judge(pairs, Limits()).passed
    assert judge(pairs, Limits(significance=0.0625)).passed
    decision = judge(pairs, Limits(significance=0.05))
    assert decision.reason == "significance: asked for p of at most 0.05, found p = 0.0625 (4 problems better, 0 worse)"


def test_responses_that_are_cut_off_are_counted_against_the_adapter():
    pairs = paired([("unit", True, True)] * 10, cut_off=2)
    assert judge(pairs, Limits(max_truncated=0.2)).passed
    decision = judge(pairs, Limits(max_truncated=0.1))
    assert decision.reason == "max_truncated: at most 10 % of responses cut off, found 20.00 % (2 of 10)"
    assert decision.figures["truncated"] == 0.2


def test_every_broken_rule_is_told_at_once():
    decision = judge(paired([("unit", True, False)] * 4, cut_off=4), Limits(0, 5, 0.05, 0.5))
    assert [rule.name for rule in decision.rules if not rule.passed] == ["min_gain", "max_family_drop", "significance", "max_truncated"]


def test_the_figures_are_the_reports_own():
    shown = evidence()
    overall, kinds = shown.gains
    figures = judge(shown.pairs, Limits()).figures
    assert figures["gain"] == overall.to_json()
    assert figures["kinds"] == {kind: gain.to_json() for kind, gain in kinds.items()}
