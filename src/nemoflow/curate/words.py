"""Words of many texts at once as numbers: what MinHash and n-gram overlap compare, without a Python object a word.

    hashed = hash_words([normalised("What is 2+2?"), ...])
    runs, starts = hashed.runs(3)          # hash of every run of three words; text i has runs[starts[i] : starts[i + 1]]

A word is a run of letters, digits and underscores (every byte beyond ASCII counts as a letter); any other sign is a word of its own.
Its hash is polynomial: a difference of two prefix sums, times the inverse power of its place, all modulo 2**64.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

BASE = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2**64."""
_MASK = 2**64 - 1
_SEPARATOR = b"\n"


def normalised(text: str) -> str:
    """A text without what does not count: letter case, runs of blanks, forms of the same letter."""
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split())


@dataclass(frozen=True)
class HashedWords:
    """Words of texts, one after another."""

    words: U64
    """Shape (words,)."""
    starts: Integers
    """Shape (texts + 1,): the words of text i are `words[starts[i] : starts[i + 1]]`."""

    def runs(self, length: int) -> tuple[U64, Integers]:
        """Hashes of the runs of so many words within each text, and where each text's runs begin.

        A text of fewer words has one run: all of them. A text without any has none.
        """
        counts = np.diff(self.starts)
        mixed = mix(_windows(self.words, length))
        places = np.arange(len(self.words), dtype=np.int64)
        ends = np.repeat(self.starts[1:], counts)
        whole = places + length <= ends
        short = np.flatnonzero((counts > 0) & (counts < length))
        for text in short:
            first, after = int(self.starts[text]), int(self.starts[text + 1])
            mixed[first] = mix(_windows(self.words[first:after], after - first)[:1])[0]
            whole[first] = True
        taken = np.where(counts >= length, counts - length + 1, np.minimum(counts, 1))
        return mixed[whole], np.concatenate(([0], np.cumsum(taken)))


def hash_words(texts: Sequence[str]) -> HashedWords:
    """The words of texts; they should be `normalised`."""
    blob = _SEPARATOR.join(text.encode("utf-8", "surrogatepass").replace(_SEPARATOR, b" ") for text in texts) + _SEPARATOR
    codes = np.frombuffer(blob, dtype=np.uint8)
    kinds = _kinds()[codes]
    is_letter = kinds == 1
    begins = kinds == 2
    begins[0] |= is_letter[0]
    begins[1:] |= is_letter[1:] & ~is_letter[:-1]
    first = np.flatnonzero(begins)
    last = np.flatnonzero(_ends(is_letter, kinds))
    ends_of_texts = np.flatnonzero(codes == _SEPARATOR[0])
    starts = np.concatenate(([0], np.searchsorted(first, ends_of_texts))).astype(np.int64)
    return HashedWords(_hashes(codes, first, last), starts)


def mix(values: U64) -> U64:
    """Spread hashes over all bits: a polynomial hash of few bytes leaves the upper ones alike."""
    mixed = values.copy()
    for shift, factor in ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(33))


def _windows(words: U64, length: int) -> U64:
    """Per word a number for the run that begins there; runs beyond the end hold what there is."""
    total = np.zeros_like(words)
    for offset in range(length):
        part = words[offset:] * np.uint64(pow(BASE, 2 * offset + 1, 2**64))
        total[: len(part)] += part
    return total


def _ends(is_letter: Bools, kinds: npt.NDArray[np.uint8]) -> Bools:
    ends: Bools = kinds == 2
    ends[:-1] |= is_letter[:-1] & ~is_letter[1:]
    ends[-1] |= is_letter[-1]
    return ends


def _hashes(codes: npt.NDArray[np.uint8], first: Integers, last: Integers) -> U64:
    powers, inverses = _powers(1 << max(16, len(codes).bit_length()))
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum((codes.astype(np.uint64) + np.uint64(1)) * powers[: len(codes)], out=sums[1:])
    hashed = (sums[last + 1] - sums[first]) * inverses[first]
    return mix(hashed)


@cache
def _powers(size: int) -> tuple[U64, U64]:
    """Powers of the base and of its inverse."""
    return _power_table(BASE, size), _power_table(pow(BASE, -1, 2**64), size)


def _power_table(base: int, size: int) -> U64:
    table = np.ones(size, dtype=np.uint64)
    known = 1
    while known < size:
        table[known : 2 * known] = table[:known] * np.uint64(pow(base, known, 2**64))
        known *= 2
    return table


@cache
def _kinds() -> Any:
    """By byte: 0 blank, 1 part of a word, 2 a sign of its own."""
    kinds = np.full(256, 2, dtype=np.uint8)
    for code in range(256):
        if code <= 32 or code == 127:
            kinds[code] = 0
        elif code >= 128 or chr(code).isalnum() or chr(code) == "_":
            kinds[code] = 1
    return kinds
