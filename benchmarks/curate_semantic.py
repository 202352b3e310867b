"""Texts that mean the same, against semhash, in one run and with the same encoder on both sides.

    uv pip install 'semhash>=0.5,<0.6'
    python benchmarks/curate_semantic.py                      a static encoder made here, of random vectors
    python benchmarks/curate_semantic.py --encoder FOLDER     one of yours (model2vec or sentence-transformers)

5,000 word problems, of which a tenth are another one with two words replaced and its sentences turned round. Embedding is timed on both
sides. Rounds take turns; the medians count. Ends with 1 where ours is slower, or finds fewer of the planted copies.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from random import Random

import numpy as np
from semhash import SemHash

from nemoflow.curate.dedup import survey
from nemoflow.curate.encoder import load_encoder
from nemoflow.prompts.teacher import ask
from nemoflow.records import Trace

THRESHOLD = 0.9
NAMES = "Ann Bob Carla Dan Eve Finn Gina Hal Iris Jon Kim Leo Mia Ned Olga Paul Rosa Sam Tina Uwe".split()  # noqa: SIM905
THINGS = "apples pears books stamps coins marbles shells cards pens boxes bottles flowers eggs bricks tiles ropes".split()  # noqa: SIM905
PLACES = "market school garden library harbour station museum bakery farm office".split()  # noqa: SIM905


def problem(draw: Random) -> list[str]:
    """The sentences of a word problem."""
    who, what, where = draw.choice(NAMES), draw.choice(THINGS), draw.choice(PLACES)
    other, more = draw.choice(NAMES), draw.choice(THINGS)
    numbers = [str(draw.randrange(2, 500)) for _ in range(3)]
    filler = " ".join(f"word{draw.randrange(3000)}" for _ in range(12))
    return [
        f"{who} brings {numbers[0]} {what} to the {where}.",
        f"{other} adds {numbers[1]} {more} and says {filler}.",
        f"How many things are there once {numbers[2]} are gone?",
    ]


def make(count: int) -> tuple[list[str], set[int]]:
    """Texts, and which of them are copies in other words."""
    draw = Random(0)
    texts: list[str] = []
    sources: list[list[str]] = []
    copies: set[int] = set()
    for number in range(count):
        if number > 100 and draw.random() < 0.1:
            sentences = list(draw.choice(sources))
            draw.shuffle(sentences)
            words = " ".join(sentences).split()
            for place in draw.sample(range(len(words)), 2):
                words[place] = f"word{draw.randrange(3000)}"
            texts.append(" ".join(words))
            copies.add(number)
        else:
            sources.append(problem(draw))
            texts.append(" ".join(sources[-1]))
    return texts, copies


def static_encoder(folder: Path, texts: list[str]) -> Path:
    """A word is a random direction, so texts are alike as far as they share words."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = sorted({word for text in texts for word in text.lower().replace(".", " ").replace("?", " ").split()})
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0} | {word: number for number, word in enumerate(words, 1)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    vectors = np.random.default_rng(0).standard_normal((len(words) + 1, 256)).astype(np.float32)
    StaticModel(vectors, tokenizer, normalize=True).save_pretrained(folder)
    return folder


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--encoder", type=Path, default=None)
    options = parser.parse_args()
    texts, copies = make(options.texts)
    with tempfile.TemporaryDirectory() as folder:
        encoder = load_encoder(options.encoder or static_encoder(Path(folder), texts), "encoder")
    traces = [
        Trace(id=f"{number:05d}", problem_id=f"{number:05d}", category="c", source="teacher", model="m", messages=ask(text), response="r")
        for number, text in enumerate(texts)
    ]

    def theirs() -> set[int]:
        result = SemHash.from_records(records=texts, model=encoder).self_deduplicate(threshold=THRESHOLD)
        kept = set(result.selected)
        return {number for number, text in enumerate(texts) if text not in kept}

    def ours() -> set[int]:
        return set(survey(traces, "statement", semantic_threshold=THRESHOLD, encoder=encoder).dropped)

    seconds: dict[str, list[float]] = {"semhash": [], "ours": []}
    found: dict[str, set[int]] = {}
    for _ in range(options.rounds):
        for name, work in (("semhash", theirs), ("ours", ours)):
            started = time.perf_counter()
            found[name] = work()
            seconds[name].append(time.perf_counter() - started)
    recalls = {name: len(dropped & copies) / len(copies) for name, dropped in found.items()}
    for name, dropped in found.items():
        median = statistics.median(seconds[name])
        print(f"{name:<8} {median:6.2f} s  {options.texts / median:8,.0f} texts/s  recall {recalls[name]:.4f}  dropped {len(dropped):,}")
    speed = statistics.median(seconds["semhash"]) / statistics.median(seconds["ours"])
    print(f"ours / semhash: {speed:.2f} (bar 1); of {len(copies):,} planted copies {len(found['ours'] & copies):,} against "
          f"{len(found['semhash'] & copies):,}")  # fmt: skip
    return 0 if speed >= 1 and recalls["ours"] >= recalls["semhash"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
