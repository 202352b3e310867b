"""How many pairs of answers get the verdict that a person gave them, here and by Math-Verify, by kind.

python benchmarks/verify_pairs.py [--pairs tests/answers/pairs.tsv] [--responses tests/answers/responses.jsonl]

The pairs are our own: some five hundred, by kind, half of them nearly right; beside them some hundred responses, most without a box.
Math-Verify gets each answer between dollars, as its documentation asks for, and each response as it is. Bars: more than 95.7 % right and
fewer than 7 false positives (what Math-Verify gets on public graders' suites), and no fewer than it.
"""

import argparse
import logging
import sys
from collections import Counter
from pathlib import Path

import orjson

from nemoflow.answers.extraction import answer_in, stated
from nemoflow.answers.symbolic import SymbolicPool

BAR_SHARE, BAR_FALSE = 0.957, 7
PEER_SECONDS = 5
RESPONSE = "response"


def main() -> int:
    """Verify, print a line a kind, and compare with the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    tests = Path(__file__).parents[1] / "tests" / "answers"
    parser.add_argument("--pairs", type=Path, default=tests / "pairs.tsv")
    parser.add_argument("--responses", type=Path, default=tests / "responses.jsonl")
    options = parser.parse_args()
    rows = [line.split("\t") for line in options.pairs.read_text().splitlines()[1:]]
    rows += [
        [RESPONSE, row["gold"], row["response"], row["verdict"]] for row in map(orjson.loads, options.responses.read_bytes().splitlines())
    ]
    with SymbolicPool(2) as pool:
        pairs = ((stated(gold), answer_in(answer) if kind == RESPONSE else stated(answer)) for kind, gold, answer, _ in rows)
        ours = [finding.verdict == "right" for finding in pool.compare(pairs)]
    peers = [_peer(f"${gold}$", answer if kind == RESPONSE else f"${answer}$") for kind, gold, answer, _ in rows]
    expected = [verdict == "right" for *_, verdict in rows]
    print(f"{'kind':<14}{'pairs':>6}{'nemoflow':>10}{'Math-Verify':>13}")
    totals = Counter(kind for kind, *_ in rows)
    right = {name: Counter(row[0] for row, one, is_same in zip(rows, found, expected, strict=True) if one == is_same) for name, found in
             (("ours", ours), ("peer", peers))}  # fmt: skip
    for kind, count in totals.items():
        print(f"{kind:<14}{count:>6}{right['ours'][kind]:>10}{right['peer'][kind]:>13}")
    share, peer_share = right["ours"].total() / len(rows), right["peer"].total() / len(rows)
    wrongly = [sum(one and not is_same for one, is_same in zip(found, expected, strict=True)) for found in (ours, peers)]
    print(
        f"all {len(rows)}: nemoflow {share:.1%}, {wrongly[0]} false positives; Math-Verify {peer_share:.1%}, {wrongly[1]} false positives"
    )
    return int(share <= BAR_SHARE or wrongly[0] >= BAR_FALSE or share < peer_share)


def _peer(gold: str, answer: str) -> bool:
    from math_verify import parse, verify

    logging.disable()
    try:
        sides = [parse(text, parsing_timeout=PEER_SECONDS) for text in (gold, answer)]
        return bool(verify(*sides, timeout_seconds=PEER_SECONDS))
    except Exception:  # noqa: BLE001 - whatever the peer raises is no "equal"
        return False


if __name__ == "__main__":
    sys.exit(main())
