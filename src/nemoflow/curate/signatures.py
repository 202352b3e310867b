"""MinHash signatures: rensa's R-MinHash of the runs of three words, 128 slots, of which the lower 16 bits are kept (256 bytes a text).

Two slots of different minima agree by chance once in 65,536 times, which is far below the estimate's own error of about 0.035 at a
likeness of 0.8, and half the memory of whole slots.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from nemoflow.curate.words import hash_words
from nemoflow.errors import ConfigError

Signatures = npt.NDArray[np.uint16]

PERMUTATIONS = 128
SHINGLE = 3
"""Words that are hashed together."""
SEED = 42
BATCH = 512
"""Texts that are hashed at once: larger batches fall out of the cache."""
T = TypeVar("T")


def signatures_of(texts: Sequence[str]) -> Signatures:
    """Signatures of normalised texts, shape (texts, 128). A text without words has all slots full."""
    from rensa import RMinHash

    tokens, starts = hash_words(texts).runs(SHINGLE)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(tokens, starts.astype(np.uint64), PERMUTATIONS, SEED)
    rows = matrix.to_rows()
    return np.array(rows, dtype=np.uint32).reshape(len(texts), PERMUTATIONS).astype(np.uint16)


def require_rensa(option: str) -> None:
    """ConfigError that names the extra where rensa is not installed."""
    try:
        import rensa  # noqa: F401
    except ModuleNotFoundError:
        raise ConfigError(f"{option}: true needs rensa, which is not installed; `pip install nemoflow[curate]`, or near = false") from None


def batches(rows: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Rows in lists of at most so many."""
    left = iter(rows)
    while batch := list(islice(left, size)):
        yield batch
