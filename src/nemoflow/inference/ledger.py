"""What was sampled before, and what is still to be asked: exactly once, whatever is killed when.

Two places. The *parts* of a shelf are the truth that runs share: rows committed atomically, under keys that say all that decides
a trace (keys.py), so a harvest that goes from 4 to 8 samples finds 4 and asks for 4. Beside them each shard has a SQLite file: it
holds every row from the moment it came, whether its part is committed or not, so a process that was killed loses what was in
flight and no more; and it holds the plan, so memory stays flat however many rows there are. The file may be lost at any time
(a pod's disk): what was not yet committed is then asked again, nothing else.

    with Ledger(folder, shelf, "harvest-0f3a") as ledger:
        ledger.expect(ids)
        ledger.gather()
        for trace in ask(ledger.missing(ids)):
            ledger.add(trace)
            ledger.keep()

Failures are kept for this run's output only: the next run asks again.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import xxhash
import zstandard
from pydantic import ValidationError

from nemoflow.errors import InputError, StoreError
from nemoflow.inference.keys import digest
from nemoflow.records import Record, Trace

T = TypeVar("T")

FILE = "ledger.sqlite"
BATCH = 4096
"""Keys that are written at once, and rows that a part may have at most."""
BUSY_S = 60.0
"""How long another process at the same file is waited for."""
WANTED, KEPT, COMMITTED, FAILED = range(4)
"""States of a row: to be asked; safe in the file; safe on the shelf; an endpoint's error, for this run's output."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state INTEGER NOT NULL DEFAULT 0, data BLOB);
CREATE INDEX IF NOT EXISTS uncommitted ON rows (state) WHERE state = 1;
CREATE TABLE IF NOT EXISTS parts (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Shelf(Protocol):
    """Where rows outlive a run: named groups that only grow, a part at a time."""

    def parts(self, group: str) -> Iterator[str]:
        """Names of a group's parts."""
        ...

    def part(self, name: str) -> Iterator[dict[str, Any]]:
        """The rows of one part; InputError where it is torn, after the rows before the tear."""
        ...

    def append(self, group: str, rows: Iterable[Record]) -> str:
        """Commit rows as one part, atomically; its name."""
        ...


class Ledger:
    """The rows of one group that one shard wants.

    A part is due once `commit_rows` rows wait for it, or once the oldest of them is `commit_s` seconds old.
    """

    def __init__(
        self,
        folder: Path,
        shelf: Shelf,
        group: str,
        commit_rows: int = 256,
        commit_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._shelf, self._group = folder / FILE, shelf, group
        self._commit_rows, self._commit_s, self._clock = commit_rows, commit_s, clock
        self._lock = threading.RLock()
        """Of the file: short, so that whoever asks need not wait for a part to be uploaded."""
        self._committing = threading.RLock()
        self._compressor = zstandard.ZstdCompressor(level=1)
        """One for all rows, used under the file's lock: to make one takes longer than to compress a row of some kB."""
        self._fresh: list[Trace] = []
        self._waiting: list[Trace] = []
        self._oldest = 0.0
        self.unreadable = 0
        """Rows of another schema version, found and passed over."""
        self.torn: list[str] = []
        """Parts that end in the middle, in words; the rows before the tear were taken."""

    def __enter__(self) -> Self:
        with _explained(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._file = _open(self._path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # torn by a crash of the machine; the parts hold all that counts
                for path in self._path.parent.glob(f"{FILE}*"):
                    path.unlink()
                self._file = _open(self._path)
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def expect(self, keys: Iterable[str]) -> int:
        """Lay down which rows this shard wants, in the order of its output; how many keys came. What failed before is wanted again."""
        count, sum_ = 0, xxhash.xxh3_128()
        with self._writing():
            self._file.execute("UPDATE rows SET state = ?, data = NULL WHERE state = ?", (WANTED, FAILED))
        for batch in _batches(keys, BATCH):
            with self._writing():
                self._file.executemany("INSERT OR IGNORE INTO rows (id) VALUES (?)", [(key,) for key in batch])
            sum_.update(" ".join(batch).encode())
            count += len(batch)
        with self._writing():
            known = self._file.execute("SELECT value FROM facts WHERE name = 'plan'").fetchone()
            if known != (sum_.hexdigest(),):
                self._file.execute("DELETE FROM parts")  # read for other keys
                self._file.execute("INSERT OR REPLACE INTO facts VALUES ('plan', ?)", (sum_.hexdigest(),))
        return count

    def gather(self) -> None:
        """Take over what the shelf has of it, and commit what a killed process had kept but not committed."""
        known = {name for (name,) in self._select("SELECT name FROM parts")}
        for name in self._shelf.parts(self._group):
            if name not in known:
                self._take_over(name)
        while rows := self._select("SELECT data FROM rows WHERE state = ? LIMIT ?", KEPT, BATCH):
            self._commit([_unpacked(data) for (data,) in rows])

    def _take_over(self, name: str) -> None:
        for batch in _batches(self._untorn(name), BATCH):
            self._merge(batch)
        with self._writing():
            self._file.execute("INSERT OR IGNORE INTO parts VALUES (?)", (name,))

    def _untorn(self, name: str) -> Iterator[dict[str, Any]]:
        try:
            yield from self._shelf.part(name)
        except InputError as error:
            self.torn.append(str(error))

    def _merge(self, rows: Sequence[dict[str, Any]]) -> None:
        """Of two rows with one key the choice is by content, so it does not depend on the order of the parts."""
        with self._writing():
            for row in rows:
                found = self._file.execute("SELECT state, data FROM rows WHERE id = ?", (row.get("id"),)).fetchone()
                if found is None:
                    continue
                try:
                    trace = Trace.model_validate(row)
                except ValidationError:
                    self.unreadable += 1
                    continue
                state, data = found
                if data is None or state == FAILED or _rank(trace) <= _rank(_unpacked(data)):
                    self._file.execute("UPDATE rows SET state = ?, data = ? WHERE id = ?", (COMMITTED, self._packed(trace), trace.id))

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Those of the keys that nobody has answered yet, each once, in their order."""
        marks = ",".join("?" * len(keys))
        rows = self._select(f"SELECT id FROM rows WHERE id IN ({marks}) AND data IS NULL ORDER BY place", *keys)  # noqa: S608
        return [key for (key,) in rows]

    def find(self, key: str) -> Trace | None:
        """The row under a key, an endpoint's error included; None where there is none."""
        rows = self._select("SELECT data FROM rows WHERE id = ? AND data IS NOT NULL", key)
        return _unpacked(rows[0][0]) if rows else None

    def count(self) -> int:
        """Rows that are answered, errors not counted."""
        return int(self._select("SELECT COUNT(*) FROM rows WHERE state IN (?, ?)", KEPT, COMMITTED)[0][0])

    def add(self, trace: Trace) -> None:
        """Take a finished trace; it is safe after the next `keep`."""
        self._fresh.append(trace)

    @property
    def is_due(self) -> bool:
        """Whether a part is worth committing now."""
        if not self._waiting:
            return False
        return len(self._waiting) >= self._commit_rows or self._clock() - self._oldest >= self._commit_s

    def keep(self) -> None:
        """Write what was added into the file, then a part where one is due; in any thread."""
        with self._committing:
            self._write_fresh()
            if self.is_due:
                self.commit()

    def commit(self) -> None:
        """Everything that came is on the shelf when this returns."""
        with self._committing:
            try:
                self._write_fresh()
            except StoreError:  # a full disk here does not mean that the shelf takes nothing
                rest, self._waiting, self._fresh = self._waiting + self._fresh, [], []
                for rows in _batches((trace for trace in rest if trace.error is None), BATCH):
                    self._shelf.append(self._group, rows)  # the next process takes the part over, since its name is not laid down
                raise
            while rows := tuple(self._waiting[:BATCH]):
                self._commit(rows)
                del self._waiting[: len(rows)]

    def _write_fresh(self) -> None:
        fresh = self._fresh[:]
        if not fresh:
            return
        with self._writing():
            won = [trace for trace in fresh if self._put(trace)]
        del self._fresh[: len(fresh)]
        if not self._waiting:
            self._oldest = self._clock()
        self._waiting += [trace for trace in won if trace.error is None]

    def _put(self, trace: Trace) -> bool:
        """False where another process at the same file was quicker: its row stands, this one is dropped."""
        state = KEPT if trace.error is None else FAILED
        changed = self._file.execute(
            "INSERT INTO rows (id, state, data) VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET state = excluded.state, data = excluded.data WHERE rows.state IN (?, ?)",
            (trace.id, state, self._packed(trace), WANTED, FAILED),
        )
        return changed.rowcount == 1

    def _packed(self, trace: Trace) -> bytes:
        return self._compressor.compress(trace.model_dump_json().encode())

    def _commit(self, rows: Sequence[Trace]) -> None:
        if not rows:
            return
        name = self._shelf.append(self._group, rows)
        # A kill here is no harm: the next process finds a part whose name is not laid down, and takes it over.
        with self._writing():
            marks = [(COMMITTED, trace.id, KEPT) for trace in rows]
            self._file.executemany("UPDATE rows SET state = ? WHERE id = ? AND state = ?", marks)
            self._file.execute("INSERT OR IGNORE INTO parts VALUES (?)", (name,))

    def _select(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock, _explained(self._path):
            return self._file.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all of it or nothing."""
        with self._lock, _explained(self._path):
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._file.execute("COMMIT")
            except BaseException:
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                raise


def _open(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing; a machine that loses power has the parts
        file.executescript(SCHEMA)
    except sqlite3.Error:
        file.close()
        raise
    return file


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        advice = "free some space, then run again" if "full" in str(error) or "disk I/O" in str(error) else "run again"
        raise StoreError(f"{path}: {error}; {advice}: what was committed is kept") from error


def _batches(values: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    iterator = iter(values)
    while batch := tuple(islice(iterator, size)):
        yield batch


def _unpacked(data: bytes) -> Trace:
    return Trace.model_validate_json(zstandard.decompress(data))


def _rank(trace: Trace) -> str:
    return digest([trace.response, trace.finish, trace.usage.model_dump(), trace.seconds])
