"""Submit a zip once: not over the day's limit, not the same bytes twice, not on after repeated errors, and never lost by a kill.

What is sent carries a mark of its bytes in its description. Between the row that says "about to send" and the one that says what the
server called it, a kill leaves doubt; the server's own list, where the mark stands or does not, ends it.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from nemoflow.errors import ServiceError, Stopped, SubmissionError
from nemoflow.submission.kaggle import Posted
from nemoflow.submission.ledger import Entry, Event, Ledger, LocalScore, now

MARK_DIGITS = 16
LOOK_S = 1.0


class Board(Protocol):
    """Where submissions go."""

    def listed(self) -> list[Posted]:
        """All of the team."""
        ...

    def left_today(self) -> int:
        """How many more are taken today."""
        ...

    def upload(self, path: Path, advance: Callable[[int], object]) -> str:
        """Bring a file there."""
        ...

    def create(self, token: str, description: str) -> int:
        """Submit it."""
        ...

    def look(self, ref: int) -> Posted:
        """One submission as it is now."""
        ...


@dataclass(frozen=True)
class Candidate:
    """What is to be submitted."""

    path: Path
    sha256: str
    files: Mapping[str, str]
    """Name in the zip -> sha256 of its content; empty where no receipt tells."""
    message: str = ""
    local: LocalScore | None = None

    @property
    def mark(self) -> str:
        """What its description holds."""
        return f"[nemoflow {self.sha256[:MARK_DIGITS]}]"


@dataclass(frozen=True)
class Rules:
    """What is asked of a submission before it is sent."""

    per_day: int = 5
    max_errors: int = 2
    settle_s: float = 180.0
    """Seconds from "about to send" on after which a submission stands in the server's list or never will; its answer is awaited for 60."""


class SentBefore(SubmissionError):
    """The same adapter was submitted already; a second time tells nothing and costs one of the day's submissions."""

    def __init__(self, message: str, entry: Entry | None = None) -> None:
        super().__init__(message)
        self.entry = entry
        """What became of it; None where only another root's ledger knows."""


@dataclass(frozen=True)
class Surroundings:
    """Who watches, and whether to stop."""

    note: Callable[[str], object] = lambda line: None
    advance: Callable[[int], object] = lambda size: None
    stopping: Callable[[], bool] = lambda: False


def hash_file(path: Path) -> str:
    """sha256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def post(candidate: Candidate, board: Board, ledger: Ledger, rules: Rules, around: Surroundings) -> Entry:
    """Send it, or find that an attempt before this one did; its entry, `pending` as a rule.

    Raises SentBefore where the same bytes or the same adapter were scored already, SubmissionError after repeated errors, ServiceError
    where the day's submissions are used up, ClaimError where another process is sending.
    """
    with ledger.hold():
        entries, listed = learn(ledger, board)
        known = next((entry for entry in entries if entry.sha256 == candidate.sha256), None)
        found = _marked(listed, candidate)
        if known is None:
            _refuse_same(candidate, entries, found)
        elif known.is_settled:
            raise SentBefore(f"{candidate.path}: the same bytes were submitted {_told(known)}", known)
        elif known.status == "pending":
            around.note(f"submitted already {_told(known)}")
            return known
        else:
            found = found or _wait_for_mark(candidate, board, known, rules, around)
        if found is None:
            _refuse_errors(listed, rules)
            _refuse_today(entries, listed, board, rules)
            return _send(candidate, board, ledger, around)
        around.note(f"an earlier attempt had sent it: {found.ref}")
        return _note_sent(candidate, ledger, found.ref)


def learn(ledger: Ledger, board: Board) -> tuple[list[Entry], list[Posted]]:
    """Write down what became of submissions since; the entries, and the server's list."""
    listed = board.listed()
    known = {posted.ref: posted for posted in listed}
    changed = [entry for entry in ledger.entries() if entry.ref in known and _differs(entry, known[entry.ref])]
    for entry in changed:
        note_outcome(ledger, entry.sha256, known[entry.ref])
    return ledger.entries(), listed


def note_outcome(ledger: Ledger, sha256: str, posted: Posted) -> None:
    """Write down what the server says of a submission."""
    ledger.add(
        Event(
            kind="outcome",
            at=now(),
            sha256=sha256,
            ref=posted.ref,
            status=posted.status,
            public=posted.public,
            private=posted.private,
            error=posted.error,
        )
    )


def wait(entry: Entry, board: Board, ledger: Ledger, wait_s: float, poll_s: float, around: Surroundings) -> Entry:
    """Look until the server has scored it, or `wait_s` are over; Stopped where the run is to stop, and nothing is lost then."""
    deadline = time.monotonic() + wait_s
    while not entry.is_settled:
        posted = board.look(entry.ref)
        if posted.status != "pending":
            note_outcome(ledger, entry.sha256, posted)
            return next(one for one in ledger.entries() if one.sha256 == entry.sha256)
        if time.monotonic() + poll_s > deadline:
            around.note(f"submission {entry.ref} has no score after {wait_s:g} s; `nemoflow submissions refresh` asks again")
            break
        _sleep(poll_s, around)
    return entry


def _sleep(seconds: float, around: Surroundings) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if around.stopping():
            raise Stopped("asked to stop while waiting for the score; the submission is noted, and another start goes on waiting")
        time.sleep(min(LOOK_S, left))


def _send(candidate: Candidate, board: Board, ledger: Ledger, around: Surroundings) -> Entry:
    token = board.upload(candidate.path, around.advance)
    if around.stopping():
        raise Stopped("asked to stop after the upload; nothing was submitted")
    intent = Event(
        kind="intent",
        at=now(),
        sha256=candidate.sha256,
        bytes=candidate.path.stat().st_size,
        files=dict(candidate.files),
        message=candidate.message,
        local=candidate.local,
    )
    ledger.add(intent)
    return _note_sent(candidate, ledger, board.create(token, f"{candidate.message} {candidate.mark}".strip()))


def _note_sent(candidate: Candidate, ledger: Ledger, ref: int) -> Entry:
    ledger.add(Event(kind="sent", at=now(), sha256=candidate.sha256, ref=ref))
    return next(entry for entry in ledger.entries() if entry.sha256 == candidate.sha256)


def _marked(listed: Iterable[Posted], candidate: Candidate) -> Posted | None:
    return next((posted for posted in listed if candidate.mark in posted.description), None)


def _wait_for_mark(candidate: Candidate, board: Board, known: Entry, rules: Rules, around: Surroundings) -> Posted | None:
    """What was sent right before a kill may not stand in the server's list yet."""
    until = datetime.fromisoformat(known.at) + timedelta(seconds=rules.settle_s)
    while (left := (until - datetime.now(UTC)).total_seconds()) > 0:
        around.note(f"an earlier attempt ended while sending; looking {left:.0f} s whether it got through")
        _sleep(min(left, 5.0), around)
        if found := _marked(board.listed(), candidate):
            return found
    return None


def _differs(entry: Entry, posted: Posted) -> bool:
    return (entry.status, entry.public, entry.private) != (posted.status, posted.public, posted.private)


def _told(entry: Entry) -> str:
    score = f", board {entry.public:g}" if entry.public is not None else f", {entry.error}" if entry.error else ""
    return f"at {entry.at[:16]} as {entry.ref} ({entry.status}{score})"


def _refuse_same(candidate: Candidate, entries: Iterable[Entry], found: Posted | None) -> None:
    if found is not None:
        raise SentBefore(f"{candidate.path}: the same bytes were submitted at {found.at:%Y-%m-%d %H:%M} as {found.ref}, from another root")
    for entry in entries:
        if candidate.files and entry.files == candidate.files:
            raise SentBefore(f"{candidate.path}: the same adapter, in a zip of other bytes, was submitted {_told(entry)}", entry)


def _refuse_errors(listed: Sequence[Posted], rules: Rules) -> None:
    """The newest submissions first: as many errors in a row as are allowed mean that the next will be one too."""
    settled = [posted for posted in sorted(listed, key=lambda posted: posted.at, reverse=True) if posted.status != "pending"]
    last = settled[: rules.max_errors]
    if rules.max_errors and len(last) == rules.max_errors and all(posted.status == "error" for posted in last):
        said = "; ".join(f"{posted.ref}: {posted.error or 'no reason given'}" for posted in last)
        raise SubmissionError(
            f"the last {len(last)} submissions ended in an error ({said}); find out why before another is spent, then raise max_errors"
        )


def _refuse_today(entries: Iterable[Entry], listed: Iterable[Posted], board: Board, rules: Rules) -> None:
    today = datetime.now(UTC).date()
    refs = {posted.ref for posted in listed if posted.at.date() == today}
    refs |= {entry.ref for entry in entries if entry.ref and datetime.fromisoformat(entry.at).date() == today}
    left = min(rules.per_day - len(refs), board.left_today())
    if left <= 0:
        tomorrow = datetime.combine(today + timedelta(days=1), datetime.min.time(), UTC)
        hours = (tomorrow - datetime.now(UTC)).total_seconds() / 3600
        raise ServiceError(f"{len(refs)} submissions of today (UTC) are made and no more are taken; the next day begins in {hours:.1f} h")
