"""The rows that artifacts are made of. Each carries `v`, its schema version; a reader refuses a version it does not know.

Problem -> (harvest) -> Trace -> (verify) -> Trace with a Verdict -> (mix) -> Example
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nemoflow.errors import InputError

JsonDict = dict[str, Any]


class Record(BaseModel):
    """One immutable row; unknown fields are refused so that a wrong file is named at its first row."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Record):
    """A statement to solve."""

    v: Literal[1] = 1
    id: Annotated[str, Field(min_length=1)]
    """Unique within its file; shards and splits hash it."""
    statement: Annotated[str, Field(min_length=1)]
    """What the teacher and the student are asked, without the contest's suffix."""
    gold: str | None = None
    """Reference answer, as the metric compares it; None where it is unknown."""
    category: str
    """Kind of problem, such as `numeral` or `competition_math`; reports and quotas group by it."""
    source: str
    """Where it came from, such as `gsm8k` or `puzzles`."""
    meta: JsonDict = {}
    """Anything else worth keeping, such as hidden parameters, level, licence, the source's own solution."""


def with_unique_ids(problems: Iterable[Problem], where: str) -> Iterator[Problem]:
    """The problems as they come; InputError where an id comes again: gold answers are looked up by it."""
    rows: dict[str, int] = {}
    for row, problem in enumerate(problems, 1):
        first = rows.setdefault(problem.id, row)
        if first != row:
            raise InputError(f"{where}: row {row}: id {problem.id!r} is also that of row {first}; each problem needs an id of its own")
        yield problem


class Message(Record):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Usage(Record):
    """Tokens as the endpoint counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Verdict(Record):
    """Outcome of verifying a trace against the gold answer."""

    verdict: Literal["right", "wrong", "unclear"]
    rule: str
    """Which rule decided, such as `competition`, `symbolic`, `no-gold`, `no-answer`."""
    extracted: str | None
    """The answer that was compared."""
    gold: str | None
    reason: str = ""
    """Why, in words, where the rule alone does not say it."""


class Trace(Record):
    """One attempt at a problem: what was asked, what came back, what it was worth."""

    v: Literal[1] = 1
    id: str
    """Hash of problem, prompt, model, sampling, seed and sample index: the same request has the same id in every run."""
    problem_id: str
    sample: int = 0
    """Index of this attempt among the problem's samples."""
    category: str
    source: Literal["teacher", "rationalized", "public", "student"]
    """Who wrote it: a teacher, a teacher that was told the answer (STaR), a public set's own solution, the student."""
    model: str
    """Model name and revision; for public solutions the name of the set."""
    messages: tuple[Message, ...]
    """The prompt, as sent."""
    response: str
    """The whole text that came back, thinking included."""
    answer: str | None = None
    """Boxed answer as extracted by the contest's metric; None where there is no box."""
    finish: str = "stop"
    """`stop`, `length` (cut off) or `error`."""
    usage: Usage = Usage()
    seconds: float = 0.0
    error: str | None = None
    """What went wrong at the endpoint; such a trace has no response and is counted, not trained on."""
    verdict: Verdict | None = None
    meta: JsonDict = {}
    """Provenance and measures of later steps, such as `parent` (the failed trace that STaR retried)."""

    @property
    def mode(self) -> str:
        """How it was asked for, such as `low` or `high+python`; empty where nothing of that was said."""
        mode = self.meta.get("mode", "")
        return mode if isinstance(mode, str) else ""


class Example(Record):
    """One training row: the user's message and the response to learn, which ends right after the box."""

    v: Literal[1] = 1
    id: str
    problem_id: str
    trace_id: str
    category: str
    source: str
    prompt: Annotated[str, Field(min_length=1)]
    """User message, exactly as the evaluation sends it."""
    response: Annotated[str, Field(min_length=1)]
    """`<think>`, newline, reasoning, newline, `</think>`, newline, `\\boxed{answer}`; nothing after the box."""


class Sketch(Record):
    """What dedup compares of one row (or of one problem): small enough that one machine holds those of millions."""

    v: Literal[1] = 1
    key: str
    """Digest of the row, or the problem's id where statements are compared."""
    id: str
    """What a message calls it."""
    group: str
    """Only rows of one group are compared; empty where all are."""
    rank: tuple[int, int]
    """Lower is better: verdict, then length."""
    digest: str
    """xxh3-128 of the normalised text; empty where there is nothing to compare."""
    signature: str = ""
    """MinHash slots, 16 bits each, little-endian, base64; empty where near duplicates are not looked for."""
    vector: str = ""
    """Embedding of unit length, half precision, little-endian, base64; empty without an encoder."""


class Duplicate(Record):
    """A row that another one makes superfluous."""

    v: Literal[1] = 1
    key: str
    """Of the sketch that goes."""
    reason: str
    """`exact-duplicate`, `near-duplicate` or `semantic-duplicate`; `in-reference-...` where the kept row is the reference's."""
    duplicate_of: str
    """Id of the row that stays."""
    is_twin: bool = False
    """The row that stays is the same to the byte, so one of the two must stay."""
