"""Wherever an attempt ends, the next one goes on from there: one submission of the same bytes, never two, and none forgotten."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from nemoflow.flow.scratch import ledgers
from nemoflow.store import open_store
from nemoflow.submission.kaggle import Posted
from nemoflow.submission.ledger import Ledger
from nemoflow.submission.post import Candidate, Rules, SentBefore, Surroundings, hash_file, post, wait


class Killed(BaseException):
    """What a kill looks like from within: nothing of the program's own runs after it."""


class Faulty:
    """A board in memory, and a ledger's rows, that kill whoever asks: before or after what was asked took effect."""

    def __init__(self, root: Path, faults: list[int]) -> None:
        self.posted: list[Posted] = []
        self.faults = faults
        self.rows = ledgers(open_store(str(root)))
        self.read, self.hold = self.rows.read, self.rows.hold

    def strike(self) -> None:
        """At the turn that the first fault counts down to."""
        if self.faults and self.faults[0] == 0:
            self.faults.pop(0)
            raise Killed
        if self.faults:
            self.faults[0] -= 1

    def append(self, group: str, rows: list) -> str:
        self.strike()
        key = self.rows.append(group, rows)
        self.strike()
        return key

    def listed(self) -> list[Posted]:
        self.strike()
        return list(self.posted)

    def left_today(self) -> int:
        return 5 - len(self.posted)

    def upload(self, path: Path, advance: object) -> str:
        self.strike()
        return "token"

    def create(self, token: str, description: str) -> int:
        self.strike()
        self.posted.append(Posted(len(self.posted) + 1, datetime.now(UTC), description, "pending"))
        self.strike()
        return len(self.posted)

    def look(self, ref: int) -> Posted:
        self.strike()
        posted = self.posted[ref - 1]
        self.posted[ref - 1] = Posted(ref, posted.at, posted.description, "complete", 0.8)
        return self.posted[ref - 1]


@settings(max_examples=40)
@given(st.lists(st.integers(0, 10), max_size=5))
def test_whoever_is_killed_anywhere_sends_once_in_the_end(faults):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "submission.zip"
        path.write_bytes(b"adapter")
        board = Faulty(Path(folder) / "root", list(faults))
        ledger, mine = Ledger(board, "contest"), Candidate(path, hash_file(path), {"a": "b"})
        for _ in range(len(faults) + 1):
            try:
                entry = post(mine, board, ledger, Rules(settle_s=0.0), Surroundings())
                entry = wait(entry, board, ledger, 5.0, 0.01, Surroundings())
            except Killed:
                continue
            except SentBefore as before:  # killed when all was done and noted
                entry = before.entry
            break
        assert len(board.posted) == 1
        assert (entry.status, entry.ref, entry.public) == ("complete", 1, 0.8)
        assert [one.sha256 for one in ledger.entries()] == [mine.sha256]
