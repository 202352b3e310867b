"""The ledger of submissions: what was sent to a competition, as which bytes, and what became of it.

It is a group of rows under the root, append-only, so that every run and every machine with that root sees the same. A row is written
before a submission is sent and another when the server has named it; whoever was killed in between asks the server before sending again.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from pydantic import Field, ValidationError

from nemoflow.errors import InputError
from nemoflow.records import Record

Status = Literal["in doubt", "pending", "complete", "error"]
"""`in doubt`: it was about to be sent, and nobody noted that it was."""
PICKS = 2
"""Submissions of a team that count in the end."""


class Rows(Protocol):
    """Where the ledger's rows lie: parts are committed whole and read in order."""

    def read(self, group: str) -> Iterator[dict[str, Any]]:
        """All rows of a group."""
        ...

    def append(self, group: str, rows: Iterable[Record]) -> str:
        """Commit rows as one part."""
        ...

    def hold(self, group: str) -> AbstractContextManager[None]:
        """Be the only one at work on a group."""
        ...


class LocalScore(Record):
    """How the adapter did on problems of one's own."""

    right: int
    problems: int
    """Attempts; `samples` of each problem."""
    samples: int = 1

    @property
    def accuracy(self) -> float:
        """Share that is right."""
        return self.right / self.problems if self.problems else 0.0


class Event(Record):
    """A row: what happened to the submission of these bytes."""

    v: Literal[1] = 1
    kind: Literal["intent", "sent", "outcome", "picks"]
    at: str
    """UTC, ISO 8601."""
    sha256: str = ""
    """Of the zip; empty for `picks`."""
    bytes: int = 0
    files: Mapping[str, str] = Field({})
    """Name in the zip -> sha256, so that the same adapter in another zip is known too."""
    message: str = ""
    local: LocalScore | None = None
    """None where no evaluation was handed in."""
    ref: int = 0
    """What the server calls it."""
    status: Literal["pending", "complete", "error"] = "pending"
    public: float | None = None
    private: float | None = None
    error: str = ""
    """The server's own words."""
    picks: tuple[str, ...] = ()
    """For `picks`: sha256 of those that shall count in the end."""


@dataclass
class Entry:
    """One submission, folded from its rows."""

    sha256: str
    at: str
    bytes: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    local: LocalScore | None = None
    ref: int = 0
    status: Status = "in doubt"
    public: float | None = None
    private: float | None = None
    error: str = ""
    is_picked: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether the server has scored or refused it."""
        return self.status in ("complete", "error")

    @property
    def name(self) -> str:
        """Short, for people."""
        return self.sha256[:12]

    def to_json(self) -> dict[str, Any]:
        """Its line of `nemoflow submissions list --json`."""
        shown = {name: getattr(self, name) for name in ("sha256", "at", "bytes", "ref", "status", "public", "private", "error", "message")}
        return {**shown, "local": self.local.model_dump() if self.local else None, "picked": self.is_picked}


class Ledger:
    """The submissions to one competition."""

    def __init__(self, rows: Rows, competition: str) -> None:
        self._rows, self._group, self.competition = rows, f"submissions/{competition}", competition

    def hold(self) -> AbstractContextManager[None]:
        """Send only while holding it; ClaimError where another process does."""
        return self._rows.hold(self._group)

    def entries(self) -> list[Entry]:
        """All submissions, in the order in which they were first meant to be sent; InputError names the row that is none."""
        found: dict[str, Entry] = {}
        for number, row in enumerate(self._rows.read(self._group), 1):
            _fold(found, _event(row, f"ledger {self._group}: row {number}"))
        return list(found.values())

    def add(self, event: Event) -> None:
        """Commit one row."""
        self._rows.append(self._group, [event])

    def pick(self, chosen: Iterable[str]) -> list[Entry]:
        """Note which submissions shall count in the end; each by its ref, or the start of its hash."""
        entries = self.entries()
        picked = [_find(entries, text) for text in chosen]
        if not 0 < len({entry.sha256 for entry in picked}) <= PICKS:
            raise InputError(f"{len(picked)} picks: one or {PICKS} submissions count in the end")
        self.add(Event(kind="picks", at=now(), picks=tuple(entry.sha256 for entry in picked)))
        return picked


def now() -> str:
    """The time as rows hold it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _event(row: Mapping[str, Any], where: str) -> Event:
    try:
        return Event.model_validate(row)
    except ValidationError as error:
        problem = error.errors()[0]
        raise InputError(f"{where}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}, got {problem['input']!r}") from None


def _fold(found: dict[str, Entry], event: Event) -> None:
    if event.kind == "picks":
        for entry in found.values():
            entry.is_picked = entry.sha256 in event.picks
        return
    entry = found.setdefault(event.sha256, Entry(event.sha256, event.at))
    if event.kind == "intent":
        entry.at = event.at
        entry.bytes, entry.files, entry.message, entry.local = event.bytes, event.files, event.message, event.local
    elif event.kind == "sent":
        entry.ref = event.ref
        entry.status = "pending" if entry.status == "in doubt" else entry.status
    else:
        entry.ref = event.ref or entry.ref
        entry.status, entry.public, entry.private, entry.error = event.status, event.public, event.private, event.error


def _find(entries: Iterable[Entry], text: str) -> Entry:
    found = [entry for entry in entries if text in (str(entry.ref), entry.sha256) or (len(text) >= 6 and entry.sha256.startswith(text))]
    if len(found) != 1:
        raise InputError(f"{text}: {len(found)} submissions of the ledger are called so; its ref, or the start of its hash, is right")
    if found[0].status != "complete":
        raise InputError(f"{text}: is {found[0].status}; only a submission with a score can count")
    return found[0]
