"""Keys of traces: a hash of all that decides one, so that the same request has the same key in every run."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

import orjson
import xxhash

from nemoflow.inference.request import Sampling
from nemoflow.records import Message, Problem


def request_seed(seed: int, sample: int) -> int:
    """Seed of one attempt, 31 bits: it depends on its index alone, not on how many samples are asked for."""
    return xxhash.xxh3_64_intdigest(f"{seed}/{sample}".encode()) & 0x7FFF_FFFF


def trace_id(problem: Problem, messages: Sequence[Message], model: str, sampling: Sampling, seed: int, sample: int) -> str:
    """Key of one attempt. `model` includes the revision."""
    turns = [{"role": message.role, "content": message.content} for message in messages]
    return digest([problem.id, problem.statement, turns, model, _identity(sampling), seed, sample])


def group_name(step: str, model: str, sampling: Sampling, seed: int, system: str) -> str:
    """Group that keeps the attempts of one step (`harvest`, `rationalize`, `judge`), model, sampling, seed and system message."""
    return f"{step}-{digest([model, _identity(sampling), seed, system])[:16]}"


def digest(value: Any) -> str:
    """Hash of a JSON value, whatever the order of its keys."""
    return xxhash.xxh3_128_hexdigest(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


@cache
def _identity(sampling: Sampling) -> dict[str, Any]:
    """Words that say nothing are left out, so that keys made before there were such words stay."""
    return {name: value for name, value in asdict(sampling).items() if value != ""}
