"""An adapter's numbers, a piece at a time: are all finite, are all zero, how large are they. numpy alone, no torch."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemoflow.models.headers import TensorHeader

Floats = NDArray[np.floating[Any]]


def from_bf16(chunk: bytes) -> Floats:
    """BF16 is the upper half of F32."""
    return (np.frombuffer(chunk, "<u2").astype("<u4") << 16).view("<f4")


def to_bf16(numbers: Floats) -> bytes:
    """Rounded to nearest, ties to even; NaN stays NaN."""
    bits = np.ascontiguousarray(numbers, "<f4").view("<u4")
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    kept = np.where(np.isnan(numbers), (bits >> 16) | 0x40, rounded)
    return kept.astype("<u2").tobytes()


READERS: dict[str, Callable[[bytes], Floats]] = {
    "BF16": from_bf16,
    "F16": lambda chunk: np.frombuffer(chunk, "<f2").astype("<f4"),
    "F32": lambda chunk: np.frombuffer(chunk, "<f4"),
    "F64": lambda chunk: np.frombuffer(chunk, "<f8"),
}
WRITERS: dict[str, Callable[[Floats], bytes]] = {
    "BF16": to_bf16,
    "F16": lambda numbers: numbers.astype("<f2").tobytes(),
    "F32": lambda numbers: numbers.astype("<f4").tobytes(),
}


@dataclass(frozen=True)
class Numbers:
    """What one tensor holds."""

    is_finite: bool
    is_zero: bool
    norm: float
    """Root of the sum of squares."""


def measure(tensor: TensorHeader) -> Numbers:
    """Read it once. The sum of squares tells of NaN and infinity too, so that only a suspect piece is looked at number by number."""
    is_finite, is_zero = True, tensor.parameters > 0
    squares = 0.0
    for chunk in tensor.chunks():
        numbers = READERS[tensor.dtype](chunk)
        square = _square(numbers)
        if not math.isfinite(square):
            is_finite = is_finite and bool(np.isfinite(numbers).all())
            square = _square(numbers.astype("<f8"))
        is_zero = is_zero and square == 0.0 and not numbers.any()
        squares += square
    return Numbers(is_finite, is_zero, math.sqrt(squares) if math.isfinite(squares) else math.inf)


def _square(numbers: Floats) -> float:
    with np.errstate(all="ignore"):
        return float(np.dot(numbers, numbers))


def load(tensor: TensorHeader) -> Floats:
    """The whole tensor in its shape."""
    return READERS[tensor.dtype](b"".join(tensor.chunks())).reshape(tensor.shape)
