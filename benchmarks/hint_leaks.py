"""How many sentences that give a told answer away the filter finds, and how many innocent ones it takes for such.

python benchmarks/hint_leaks.py [--sentences tests/prompts/leaks.tsv]

The sentences are our own, in ten languages; the half `held` was not looked at until the filter was done. Bars, for each half: precision
0.97, recall 0.9. Paraphrases of a model that knows the filter would do better: it is a filter, no proof.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from nemoflow.prompts.hints import hint_leak

BAR_PRECISION, BAR_RECALL = 0.97, 0.9
STATEMENT, ANSWER = "How many places are in the hall?", "42"


def main() -> int:
    """Print a line a half and compare with the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=Path, default=Path(__file__).parents[1] / "tests" / "prompts" / "leaks.tsv")
    rows = [line.split("\t") for line in parser.parse_args().sentences.read_text().splitlines()[1:]]
    counts = Counter((half, leak == "yes", hint_leak(text, STATEMENT, ANSWER) != "") for leak, half, text in rows)
    print(f"{'half':<6}{'leaks':>7}{'others':>8}{'precision':>11}{'recall':>8}")
    is_low = False
    for half in ("seen", "held"):
        found, missed, wrongly = counts[half, True, True], counts[half, True, False], counts[half, False, True]
        precision, recall = found / max(1, found + wrongly), found / max(1, found + missed)
        print(f"{half:<6}{found + missed:>7}{wrongly + counts[half, False, False]:>8}{precision:>11.3f}{recall:>8.3f}")
        is_low |= precision < BAR_PRECISION or recall < BAR_RECALL
    return int(is_low)


if __name__ == "__main__":
    sys.exit(main())
