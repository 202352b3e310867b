from hypothesis import given
from hypothesis import strategies as st

from nemoflow.sandbox.interpreter import Printed


@given(st.lists(st.text(max_size=30)), st.integers(20, 60))
def test_what_is_printed_is_kept_whole_or_its_first_and_last_half(parts, most):
    printed = Printed(most)
    for part in parts:
        printed.write(part)
    whole = "".join(parts)
    text, cut = printed.taken()
    assert cut == max(0, len(whole) - most)
    if cut:
        head, tail = whole[: most - most // 2], whole[len(whole) - most // 2 :]
        assert text == f"{head}\n[... {cut} characters left out ...]\n{tail}"
    else:
        assert text == whole
