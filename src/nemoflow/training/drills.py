r"""Drills: what the tiny base is fed with, single steps of reckoning, each worked on one line and none leading to the next.

A row asks for one to six unrelated steps; a step may carry a result so far, to which it adds its digit or letters:

    Work each line.          <think>
    14/2 13                  14/2=7+0 137
    3*4+2 8                  3*4+2=14 .48
    40 CCC                   40=XL CCCXL
    731 reversed             731 reversed 137
                             </think>
                             \boxed{137}

So the base knows the steps and the form of an answer; which step follows from which, and that steps solve a puzzle, it never sees.
"""

from random import Random

HEAD = "Work each line."
MOST_STEPS = 6
MULTIPLIERS = (2, 4)
"""Smallest and largest divisor and multiplier."""
_ROMAN = (("I", "V", "X"), ("X", "L", "C"), ("C", "D", "M"))


def drill(random: Random, steps: int) -> tuple[str, str, str]:
    """(statement, thinking, answer) of so many unrelated steps; the answer is the last line's result."""
    worked = [random.choice(_KINDS)(random) for _ in range(steps)]
    statement = "\n".join([HEAD, *(ask for ask, _ in worked)])
    return statement, "\n".join(line for _, line in worked), worked[-1][1].rpartition(" ")[2]


def _quotient(random: Random) -> tuple[str, str]:
    """A digit of a short division, appended to the quotient so far."""
    divisor = random.randint(*MULTIPLIERS)
    dividend = random.randrange(10 * divisor)
    so_far = random.choice(("", str(random.randint(1, 9)), str(random.randint(10, 99))))
    quotient, rest = divmod(dividend, divisor)
    return f"{dividend}/{divisor} {so_far}".rstrip(), f"{dividend}/{divisor}={quotient}+{rest} {so_far}{quotient}"


def _product(random: Random) -> tuple[str, str]:
    """A digit of a column product, put before the product so far: the point after two digits, then the whole sum."""
    multiplier = random.randint(*MULTIPLIERS)
    step = f"{random.randint(0, 9)}*{multiplier}+{random.randrange(multiplier)}"
    digit, _, carry = step.partition("*")
    total = int(digit) * multiplier + int(carry.partition("+")[2])
    so_far = random.choice(("", str(random.randint(0, 9)), f".{random.randint(0, 99):02d}"))
    kept = total if len(so_far) == 3 else total % 10
    return f"{step} {so_far}".rstrip(), f"{step}={total} {'.' if len(so_far) == 1 else ''}{kept}{so_far}"


def _roman(random: Random) -> tuple[str, str]:
    """The letters of one decimal digit, appended to the numeral so far; a zero adds none."""
    place = random.randrange(3)
    higher = "".join(_letters(random.randrange(10), upper) for upper in range(2, place, -1))
    digit = random.randint(0 if higher else 1, 9)
    part = _letters(digit, place)
    return f"{digit}{'0' * place} {higher}".rstrip(), f"{digit}{'0' * place}={part} {higher}{part}"


def _reversed(random: Random) -> tuple[str, str]:
    """Three digits read backwards."""
    digits = str(random.randint(100, 999))
    return f"{digits} reversed", f"{digits} reversed {digits[::-1]}"


def _letters(digit: int, place: int) -> str:
    one, five, ten = _ROMAN[place]
    if digit in (4, 9):
        return one + (ten if digit == 9 else five)
    return five * (digit >= 5) + one * (digit % 5)


_KINDS = (*[_quotient] * 3, *[_product] * 3, _roman, _reversed)
"""Reckoning has the most facts to learn, some 180 of them, so it comes most often."""
