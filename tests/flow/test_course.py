import io

from hypothesis import given
from hypothesis import strategies as st

from nemoflow.flow.progress import CHART_HEIGHT, Bar, course

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=500)


@given(VALUES, st.integers(12, 120))
def test_a_chart_is_as_high_as_it_says_and_no_wider_than_it_may(values, width):
    title, *lines = course("loss", values, width).split("\n")
    assert title.strip() == "loss"
    assert len(lines) == CHART_HEIGHT
    assert all(len(line) <= 16 + max(width - 12, 1) for line in lines)


def dots(lines):
    """(column, height) of every dot, the lowest row being 0."""
    bits = {(0, 0): 0x01, (0, 1): 0x02, (0, 2): 0x04, (0, 3): 0x40, (1, 0): 0x08, (1, 1): 0x10, (1, 2): 0x20, (1, 3): 0x80}
    return {
        (2 * place + x, 4 * (len(lines) - row) - 1 - y)
        for row, line in enumerate(lines)
        for place, sign in enumerate(line[16:])
        for (x, y), bit in bits.items()
        if (ord(sign) - 0x2800) & bit
    }


@given(st.lists(st.integers(0, 4 * CHART_HEIGHT - 1), max_size=40), st.randoms(use_true_random=False))
def test_each_value_is_a_dot_at_its_height(values, random):
    values = random.sample([*values, 0, 31], len(values) + 2)
    _, *lines = course("loss", [float(value) for value in values], 80).split("\n")
    assert dots(lines) == set(enumerate(values))
    assert lines[0].split()[0] == "31"
    assert lines[-1].split()[0] == "0"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_draws_the_figure_that_a_count_names():
    stream = Terminal()
    bar = Bar(stream)
    bar.start("training", 3, chart="loss")
    for loss in (3.0, 2.0, 1.0):
        bar.advance(loss=loss, lr=0.1)
    bar.stop()
    assert "⠀" in stream.getvalue()
    stream.truncate(0)
    bar.start("evaluation", 3)
    for loss in (3.0, 2.0, 1.0):
        bar.advance(loss=loss)
    bar.stop()
    assert "⠀" not in stream.getvalue()
