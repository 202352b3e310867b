import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nemoflow.errors import InputError
from nemoflow.records import Example, Message, Problem, Trace, Usage, Verdict, with_unique_ids

TEXT = st.text(max_size=30)
PROBLEMS = st.builds(
    Problem,
    id=st.text(min_size=1),
    statement=st.text(min_size=1),
    gold=st.none() | TEXT,
    category=TEXT,
    source=TEXT,
    meta=st.dictionaries(TEXT, st.integers(-(2**50), 2**50) | TEXT | st.none(), max_size=3),
)
TRACES = st.builds(
    Trace,
    id=TEXT,
    problem_id=TEXT,
    sample=st.integers(0, 99),
    category=TEXT,
    source=st.sampled_from(["teacher", "public"]),
    model=TEXT,
    messages=st.lists(st.builds(Message, role=st.just("user"), content=TEXT), max_size=2).map(tuple),
    response=TEXT,
    usage=st.builds(Usage, prompt_tokens=st.integers(0, 9), completion_tokens=st.integers(0, 9)),
    verdict=st.none() | st.builds(Verdict, verdict=st.just("right"), rule=TEXT, extracted=st.none() | TEXT, gold=TEXT),
    seconds=st.floats(0, 1e6),
)


@given(PROBLEMS | TRACES)
def test_a_row_survives_its_json(row):
    assert type(row).model_validate_json(row.model_dump_json()) == row


@given(PROBLEMS)
def test_an_unknown_field_and_another_version_are_refused(row):
    with pytest.raises(ValidationError, match="extra"):
        Problem.model_validate({**row.model_dump(), "extra": 1})
    with pytest.raises(ValidationError, match="v"):
        Problem.model_validate({**row.model_dump(), "v": 2})


def test_an_example_without_a_response_is_refused():
    with pytest.raises(ValidationError, match="response"):
        Example(id="a", problem_id="p", trace_id="t", category="c", source="s", prompt="x", response="")


@given(st.lists(st.sampled_from("abcdefgh")))
def test_problems_pass_as_long_as_their_ids_are_unique(ids):
    problems = [Problem(id=name, statement="s", category="c", source="t") for name in ids]
    again = next((row for row in range(len(ids)) if ids[row] in ids[:row]), None)
    if again is None:
        assert list(with_unique_ids(problems, "p")) == problems
    else:
        with pytest.raises(InputError, match=f"^p: row {again + 1}: id '{ids[again]}' is also that of row {ids.index(ids[again]) + 1};"):
            list(with_unique_ids(problems, "p"))
