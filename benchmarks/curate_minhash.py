"""Near duplicates end to end against bare rensa, in one run: texts in, which of them go out.

    python benchmarks/curate_minhash.py

Bare rensa splits the texts, joins runs of three words, and gives them to `RMinHashDeduplicator.add_pairs`; ours is `dedup.survey` over the
same texts as traces, with normalisation, ranks and ids. Rounds take turns; the medians count, of the processor's time, which other work on
the machine disturbs least. Of the texts 5 % are copies with 1 to 4 of 150 words changed (likeness 0.85 to 0.96).

Ends with 1 where ours has less than 0.8 of bare rensa's speed, or finds less than 99 % of the planted copies.
"""

import argparse
import statistics
import time
from random import Random

from rensa import RMinHashDeduplicator

from nemoflow.curate.dedup import survey
from nemoflow.prompts.teacher import ask
from nemoflow.records import Trace

BAR_SPEED, BAR_RECALL = 0.8, 0.99
THRESHOLD = 0.8


def make(count: int, words: int = 150) -> tuple[list[str], set[int]]:
    """Texts, and which of them are copies of the one before."""
    draw = Random(0)
    texts: list[list[str]] = []
    copies: set[int] = set()
    for number in range(count):
        if number and draw.random() < 0.05 and number - 1 not in copies:
            text = list(texts[-1])
            for place in draw.sample(range(words), draw.randrange(1, 5)):
                text[place] = f"changed{place}"
            copies.add(number)
        else:
            text = [f"w{draw.randrange(5000)}" for _ in range(words)]
        texts.append(text)
    return [" ".join(text) for text in texts], copies


def shingles(text: str) -> list[str]:
    """Runs of three words."""
    words = text.split()
    return [" ".join(words[start : start + 3]) for start in range(len(words) - 2)]


def bare(texts: list[str]) -> set[int]:
    """Numbers of the texts that rensa alone calls duplicates."""
    found = RMinHashDeduplicator(THRESHOLD, 128, True, None, 42).add_pairs(
        [(str(number), shingles(text)) for number, text in enumerate(texts)]
    )
    return {number for number, is_new in enumerate(found) if not is_new}


def ours(traces: list[Trace]) -> set[int]:
    """The same by nemoflow."""
    return set(survey(traces, "statement", THRESHOLD).dropped)


def likeness(one: str, two: str) -> float:
    """Share of common shingles, counted."""
    left, right = set(shingles(one)), set(shingles(two))
    return len(left & right) / len(left | right)


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    texts, copies = make(options.texts)
    traces = [
        Trace(id=f"{number:06d}", problem_id=f"{number:06d}", category="c", source="teacher", model="m", messages=ask(text), response="r")
        for number, text in enumerate(texts)
    ]
    seconds: dict[str, list[float]] = {"rensa": [], "ours": []}
    found: dict[str, set[int]] = {}
    for _ in range(options.rounds):
        for name, work in (("rensa", lambda: bare(texts)), ("ours", lambda: ours(traces))):
            started = time.process_time()
            found[name] = work()
            seconds[name].append(time.process_time() - started)
    for name, dropped in found.items():
        median = statistics.median(seconds[name])
        true = sum(1 for number in dropped if number and likeness(texts[number], texts[number - 1]) >= THRESHOLD - 0.05)
        recall, precision = len(dropped & copies) / len(copies), true / max(len(dropped), 1)
        print(f"{name:<6} {median:6.2f} s  {options.texts / median:9,.0f} texts/s  recall {recall:.4f}  precision {precision:.4f}")
    speed = statistics.median(seconds["rensa"]) / statistics.median(seconds["ours"])
    recall = len(found["ours"] & copies) / len(copies)
    print(f"ours / rensa: {speed:.2f} (bar {BAR_SPEED}); recall {recall:.4f} (bar {BAR_RECALL})")
    return 0 if speed >= BAR_SPEED and recall >= BAR_RECALL else 1


if __name__ == "__main__":
    raise SystemExit(main())
