import pytest
from tests.steps.alone import Alone

from nemoflow.answers.competition import verify
from nemoflow.config import build
from nemoflow.errors import ConfigError
from nemoflow.steps.make_problems import MAKE_PROBLEMS, MakeProblemsConfig


def made(tmp_path, **config):
    alone = Alone(MAKE_PROBLEMS, {}, tmp_path / "root")
    manifest = alone.run(**config)
    return manifest, alone.rows(manifest, "train"), alone.rows(manifest, "eval")


def test_both_sides_have_the_counts_asked_for_and_share_no_hidden_parameter(tmp_path):
    manifest, train, held_out = made(tmp_path, train={"unit": 60, "numeral": 40}, eval={"numeral": 20, "unit": 10})
    assert manifest.metrics == {"train": 100, "eval": 30}
    assert [sum(row.category == kind for row in train) for kind in ("numeral", "unit")] == [40, 60]
    assert [sum(row.category == kind for row in held_out) for kind in ("numeral", "unit")] == [20, 10]
    assert not [row for row in held_out if row.meta["hidden"] in [other.meta["hidden"] for other in train]]


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(tmp_path):
    counts = {"train": {"unit": 5}, "eval": {"unit": 5}}
    first, again, other = (made(tmp_path / name, seed=seed, **counts)[1:] for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert first == again
    assert not {row.statement for row in first[0]} & {row.statement for row in other[0]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train": {"riddle": 5}}, "unknown kind 'riddle'; known kinds: bits, cipher, .*, unit"),
        ({"eval": {"unit": 0}}, "eval.unit: a count is at least 1"),
        ({"eval": {"unit": 10**30}}, "eval.unit: a count is at least 1 and at most 1,000,000"),
        ({"seed": -1}, "make-problems.seed: .*got -1"),
        ({"train": {}}, "train: no kind named"),
    ],
)
def test_a_wrong_kind_or_count_is_named(values, message):
    with pytest.raises(ConfigError, match=message):
        build(MakeProblemsConfig, values, "make-problems")


def test_gold_answers_are_missing_or_wrong_in_their_shares_and_only_where_one_learns(tmp_path):
    counts = {"train": {"unit": 300}, "eval": {"unit": 50}}
    whole, spoilt = made(tmp_path / "a", **counts), made(tmp_path / "b", missing_gold=0.2, wrong_gold=0.1, **counts)
    assert spoilt[2] == whole[2]
    assert [row.model_copy(update={"gold": None}) for row in spoilt[1]] == [row.model_copy(update={"gold": None}) for row in whole[1]]
    missing = sum(row.gold is None for row in spoilt[1])
    wrong = [(row, gold) for row, gold in zip(spoilt[1], whole[1], strict=True) if row.gold not in (None, gold.gold)]
    assert (missing / 300, len(wrong) / 300) == (pytest.approx(0.2, abs=0.07), pytest.approx(0.1, abs=0.06))
    assert not any(verify(gold.gold, row.gold) for row, gold in wrong)


def test_more_than_all_gold_answers_cannot_be_spoilt():
    with pytest.raises(ConfigError, match=r"missing_gold 0\.6 and wrong_gold 0\.6: together at most 1"):
        build(MakeProblemsConfig, {"missing_gold": 0.6, "wrong_gold": 0.6}, "make-problems")
