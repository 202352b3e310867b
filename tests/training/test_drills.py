from random import Random

from hypothesis import given
from hypothesis import strategies as st

from nemoflow.puzzles.numeral import from_roman
from nemoflow.training.drills import HEAD, MOST_STEPS, drill

SEEDS = st.integers()


@given(SEEDS, st.integers(1, MOST_STEPS))
def test_a_drill_works_each_ask_on_one_line_and_answers_with_the_last_result(seed, steps):
    statement, thinking, answer = drill(Random(seed), steps)
    head, *asks = statement.split("\n")
    lines = thinking.split("\n")
    assert head == HEAD
    assert len(asks) == len(lines) == steps
    assert all(line.startswith(ask.split(" ")[0]) for ask, line in zip(asks, lines, strict=True))
    assert answer == lines[-1].split(" ")[-1]


@given(SEEDS)
def test_every_line_is_true(seed):
    statement, thinking, _ = drill(Random(seed), 1)
    ask, line = statement.split("\n")[1], thinking
    so_far = [*ask.split(" "), ""][1]
    result = line.split(" ")[-1]
    if line.endswith(line.split(" ")[0][::-1]) and "reversed" in line:
        return
    step, value = line.split(" ")[0].split("=")
    if "/" in step:
        part, divisor = step.split("/")
        quotient, rest = value.split("+")
        assert divmod(int(part), int(divisor)) == (int(quotient), int(rest))
        assert result == so_far + quotient
    elif "*" in step:
        factors, carry = step.split("+")
        digit, multiplier = factors.split("*")
        assert int(digit) * int(multiplier) + int(carry) == int(value)
        assert result == {0: value[-1], 1: f".{value[-1]}{so_far}", 3: f"{value}{so_far}"}[len(so_far)]
    else:
        assert (from_roman(value) or 0) == int(step)
        assert result == so_far + value
        assert from_roman(result) is not None
