"""`nemoflow inspect`: any rows are looked at alike, a sample does not depend on the order, a page holds no one else's markup."""

from random import Random

import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.curate.traces import problem, trace
from tests.steps.alone import Alone, write_lines

from nemoflow.cli.inspect import inspect
from nemoflow.errors import InputError
from nemoflow.evaluation.rows import COUNTED, Wanted, seen, survey_rows
from nemoflow.evaluation.rows_page import render
from nemoflow.steps.filter import FILTER
from nemoflow.steps.mix import MIX

LONG = " ".join(f"Step {number}: add {number} and {number}." for number in range(20))


def call(*args):
    return CliRunner().invoke(inspect, [str(arg) for arg in args], catch_exceptions=False, standalone_mode=False).output


@pytest.fixture
def root(tmp_path):
    """A run `r` whose node dropped two rows of three, and a corpus made of the third in run `m`."""
    rows = [trace("a", thinking=LONG, meta={"parent": "z"}), trace("b"), trace("c", thinking=LONG, verdict="wrong", number=2)]
    traces = write_lines(tmp_path / "traces.jsonl", rows)
    Alone(FILTER, {"traces": traces}, tmp_path / "root").run("r")
    problems = write_lines(tmp_path / "problems.jsonl", [problem(1), problem(2)])
    Alone(MIX, {"traces": "run://r/node/kept", "problems": problems}, tmp_path / "root").run("m")
    return tmp_path / "root"


def test_what_was_dropped_is_told_by_reason_and_can_be_asked_for(root):
    out = call("r/node/rejected", "--root", root)
    assert "2 rows of 2 different statements" in out
    assert "too-short 1, wrong 1" in out
    only = call("run://r/node/rejected", "--root", root, "--reason", "wrong", "-n", "5")
    assert "1 rows of 1 different statements (1 others passed over)" in only
    assert "What is 2 plus 2?" in only
    with pytest.raises(InputError, match=r"none of 2 rows has reason 'wrnog' .*; reasons there: too-short, wrong"):
        call("r/node/rejected", "--root", root, "--reason", "wrnog")


def test_a_row_is_told_in_full_with_the_rows_that_it_was_made_from(root):
    out = call("m/node/corpus", "--root", root, "--row", "a")
    assert '"trace_id": "a"' in out
    assert "r/node/kept  filter v" in out
    with pytest.raises(InputError, match="no row has the id 'nobody'"):
        call("m/node/corpus", "--root", root, "--row", "nobody")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nowhere.jsonl", r"nowhere\.jsonl: no such file, and no finished RUN/NODE/OUTPUT under .*root"),
        ("r/node", r"r/node: which output\? Those with rows: kept, rejected"),
        ("r/node/none", r"Those with rows: kept, rejected"),
        ("m/node/card", r"Those with rows: corpus"),
    ],
)
def test_a_wrong_address_is_named_with_what_is_there(root, address, words):
    with pytest.raises(InputError, match=words):
        call(address, "--root", root)


def test_two_corpora_are_compared_by_their_statements_and_responses(tmp_path):
    one = write_lines(tmp_path / "one.jsonl", [trace("a"), trace("b", number=2), trace("c", number=3)])
    two = write_lines(tmp_path / "two.jsonl", [trace("a"), trace("b", number=2, thinking="Else."), trace("d", number=4)])
    out = call(one, "--against", two, "--html", tmp_path / "page.html")
    assert "statements      in both 2, only in" in out
    assert "with responses  in both 1, only in" in out
    page = (tmp_path / "page.html").read_text()
    assert "Two corpora compared" in page
    assert "<script" not in page


ROWS = st.lists(
    st.fixed_dictionaries(
        {"id": st.text(max_size=3)},
        optional={
            name: st.none()
            | st.booleans()
            | st.integers()
            | st.text(max_size=8)
            | st.dictionaries(st.text(max_size=3), st.text(max_size=3))
            for name in ("statement", "response", "messages", "meta", "verdict", "category", "gold", "correct", "model")
        },
    ),
    max_size=12,
)


@given(ROWS, st.integers(0, 5), st.randoms(use_true_random=False))
def test_any_rows_are_counted_once_each_and_sampled_alike_in_any_order(rows, count, draw):
    survey = survey_rows(rows, Wanted(), count, 1)
    again = survey_rows(draw.sample(rows, len(rows)), Wanted(), count, 1)
    assert survey.rows == len(rows)
    assert all(survey.counts[name].total() == len(rows) for name in COUNTED)
    assert survey.counts == again.counts
    assert len(survey.sample) == min(count, len(rows))
    assert [(row.id, row.statement, row.response) for row in survey.sample] == [
        (row.id, row.statement, row.response) for row in again.sample
    ]


@given(st.text(max_size=30))
def test_no_text_of_a_row_is_markup_on_the_page(text):
    rows = [{"id": f"<b>{text}", "statement": f"<script>{text}", "response": "<img src=x>", "category": "<i>", "rejected": "<u>"}]
    page = render({"<a>": survey_rows(rows, Wanted(), 1, 0)})
    for marked in ("<script", "<img", "<i>", "<u>", "<b>" + text[:1] if text[:1].isalpha() else "<script"):
        assert marked not in page.replace("<b>1</b>", "")


def test_problems_traces_examples_and_foreign_rows_are_seen_alike():
    whole = trace("a", meta={"mode": "low", "rejected": "wrong", "licence": "MIT"})
    row = seen(orjson.loads(whole.model_dump_json()))
    assert (row.statement, row.response, row.gold) == ("What is 1 plus 1?", whole.response, "4")
    assert (row.told["mode"], row.told["reason"], row.told["verdict"], row.told["licence"]) == ("low", "wrong", "right", "MIT")
    asked = seen(orjson.loads(problem(3, meta={"solution": "Count."}).model_dump_json()))
    assert (asked.statement, asked.response, asked.gold) == ("What is 3 plus 3?", "Count.", "4")
    foreign = seen({"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}], "correct": False})
    assert (foreign.statement, foreign.response, foreign.told["verdict"]) == ("Q", "A", "wrong")


def test_the_sample_follows_the_seed():
    rows = [{"id": str(number), "statement": f"s{number}"} for number in range(100)]
    drawn = [tuple(row.id for row in survey_rows(Random(1).sample(rows, 100), Wanted(), 5, seed).sample) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
