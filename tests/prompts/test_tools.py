"""Blocks of output in a response: which part of it Python wrote."""

from hypothesis import given
from hypothesis import strategies as st

from nemoflow.prompts import tools

PRINTED = st.text(st.sampled_from("a1 .\n[]{}'"), max_size=40)
WRITTEN = st.text(st.sampled_from("a1 .\n[]"), max_size=40)


@given(PRINTED, WRITTEN, WRITTEN, st.integers(0, 9))
def test_what_python_printed_is_found_whole_with_its_note_and_nothing_else(printed, before, after, left):
    head = f"{before}\n```python\nprint(1)\n```\n"
    told = tools.told_output(printed, left)
    assert tools.given(head + told + after) == [(len(head), len(head) + len(told))]
    assert tools.given(f"{head}{after}") == []


@given(st.lists(PRINTED, min_size=2, max_size=4))
def test_each_output_is_a_stretch_of_its_own(outputs):
    text = "".join(f"```python\n1\n```\n{tools.told_output(printed, 3)}" for printed in outputs)
    assert [text[start:end] for start, end in tools.given(text)] == [tools.told_output(printed, 3) for printed in outputs]
