"""Hashed words and runs are those that a regular expression would find, whatever stands beside a text."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nemoflow.curate.words import hash_words, normalised

WORD = re.compile(r"[A-Za-z0-9_\x80-\U0010ffff]+|[^A-Za-z0-9_\s\x00-\x20\x7f]")
TEXTS = st.lists(st.text(alphabet="ab1_ +é(", max_size=12).map(normalised), min_size=1, max_size=6)


def told(hashed, starts):
    return [tuple(hashed[first:last].tolist()) for first, last in pairwise(starts)]


@given(TEXTS)
def test_equal_words_have_equal_hashes_and_others_have_others(texts):
    hashed = hash_words(texts)
    known = {}
    for text, numbers in zip(texts, told(hashed.words, hashed.starts), strict=True):
        words = WORD.findall(text)
        assert len(words) == len(numbers)
        assert all(known.setdefault(word, number) == number for word, number in zip(words, numbers, strict=True))
    assert len(set(known.values())) == len(known)


@given(TEXTS, st.integers(1, 4))
def test_runs_stay_within_their_text_and_a_short_text_is_one_run(texts, length):
    known = {}
    for text, numbers in zip(texts, told(*hash_words(texts).runs(length)), strict=True):
        words = WORD.findall(text)
        runs = [tuple(words[start : start + length]) for start in range(len(words) - length + 1)] or ([tuple(words)] if words else [])
        assert len(runs) == len(numbers)
        assert all(known.setdefault(run, number) == number for run, number in zip(runs, numbers, strict=True))
    assert len(set(known.values())) == len(known)


@given(st.text(), TEXTS)
def test_a_text_has_the_same_runs_alone_and_among_others(text, others):
    alone = told(*hash_words([normalised(text)]).runs(3))
    assert told(*hash_words([*others, normalised(text)]).runs(3))[-1] == alone[0]
