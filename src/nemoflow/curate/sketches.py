"""Sketches of traces: by row where responses are compared, by problem where statements are."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import xxhash

from nemoflow.curate.encoder import Encoder
from nemoflow.curate.signatures import batches, signatures_of
from nemoflow.curate.statements import statement_of
from nemoflow.curate.words import normalised
from nemoflow.records import Problem, Sketch, Trace

Compared = Literal["response", "statement"]

_RANK = {"right": 0, "unclear": 1, "wrong": 2}


@dataclass(frozen=True)
class Means:
    """What a sketch holds beside the digest."""

    near: bool = False
    """A MinHash signature."""
    encoder: Encoder | None = None
    """Gives an embedding."""


def key_of(trace: Trace) -> str:
    """Digest of a whole row: what tells two rows of one id apart."""
    return xxhash.xxh3_128_hexdigest(trace.__pydantic_serializer__.to_json(trace))


def sketches(rows: Iterable[Trace | Problem], compared: Compared, means: Means) -> Iterator[Sketch]:
    """One a trace, in order; where statements are compared one a problem, in the order of their first rows."""
    heads = _by_row(rows) if compared == "response" else _by_problem(rows)
    for batch in batches(heads):
        yield from _filled([head for head, _ in batch], [text for _, text in batch], means)


def unit_of(trace: Trace, compared: Compared) -> str:
    """Key of the sketch that decides over a row."""
    return key_of(trace) if compared == "response" else trace.problem_id


def _by_row(rows: Iterable[Trace | Problem]) -> Iterator[tuple[Sketch, str]]:
    for row in rows:
        assert isinstance(row, Trace), "only traces have responses"
        rank = _RANK[row.verdict.verdict] if row.verdict is not None else 1
        head = Sketch(key=key_of(row), id=row.id, group=row.problem_id, rank=(rank, len(row.response)), digest="")
        yield head, normalised(row.response)


def _by_problem(rows: Iterable[Trace | Problem]) -> Iterator[tuple[Sketch, str]]:
    """Problems whose rows all lack a prompt come last, with nothing to compare."""
    asked: dict[str, bool] = {}
    for row in rows:
        problem_id, statement = (row.id, row.statement) if isinstance(row, Problem) else (row.problem_id, statement_of(row))
        if not asked.setdefault(problem_id, False) and (text := normalised(statement)):
            asked[problem_id] = True
            yield _head(problem_id), text
    for problem_id, was_asked in asked.items():
        if not was_asked:
            yield _head(problem_id), ""


def _head(problem_id: str) -> Sketch:
    return Sketch(key=problem_id, id=problem_id, group="", rank=(0, 0), digest="")


def _filled(heads: Sequence[Sketch], texts: Sequence[str], means: Means) -> Iterator[Sketch]:
    signatures = signatures_of(texts) if means.near else None
    vectors = means.encoder.encode(texts) if means.encoder is not None else None
    for place, (head, text) in enumerate(zip(heads, texts, strict=True)):
        if not text:
            yield head
            continue
        yield head.model_copy(
            update={
                "digest": xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass")),
                "signature": "" if signatures is None else base64.b64encode(signatures[place].astype("<u2").tobytes()).decode(),
                "vector": "" if vectors is None else base64.b64encode(vectors[place].astype("<f2").tobytes()).decode(),
            }
        )
