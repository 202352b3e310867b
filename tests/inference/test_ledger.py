import os
import signal
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemoflow.errors import InputError, StoreError
from nemoflow.flow.scratch import StoredRows
from nemoflow.inference.ledger import FILE, Ledger
from nemoflow.prompts.teacher import ask
from nemoflow.records import Trace
from nemoflow.store import open_store

MESSAGES = ask("What is 6 * 7?")


class Shelf:
    """Groups of parts in memory; it may be told to fail, or to tear a part."""

    def __init__(self):
        self.stored = {}
        self.is_full = False
        self.torn = set()

    def parts(self, group):
        return iter([name for name in self.stored if name.startswith(f"{group}/")])

    def part(self, name):
        rows = self.stored[name]
        yield from rows[:-1] if name in self.torn else rows
        if name in self.torn:
            raise InputError(f"{name}: line {len(rows)} (the last) is torn")

    def append(self, group, rows):
        if self.is_full:
            raise StoreError("no space left")
        name = f"{group}/{len(self.stored):05d}"
        self.stored[name] = [row.model_dump(mode="json") for row in rows]
        return name

    @property
    def ids(self):
        return [row["id"] for rows in self.stored.values() for row in rows]


def trace(key, response="", seconds=0.0, error=None):
    return Trace(
        id=key,
        problem_id="p",
        category="sum",
        source="teacher",
        model="m",
        messages=MESSAGES,
        response=response,
        seconds=seconds,
        error=error,
    )


def begun(*arguments, **options):
    return closing(opened(*arguments, **options))


def opened(folder, shelf, *keys, **options):
    """A ledger as a process begins with it."""
    ledger = Ledger(folder, shelf, "g", **options).__enter__()
    ledger.expect(keys)
    ledger.gather()
    return ledger


def found(ledger, *keys):
    return {key: trace.response for key in keys if (trace := ledger.find(key)) is not None}


def test_what_was_committed_is_found_by_another_run_and_only_what_is_wanted(tmp_path):
    shelf = Shelf()
    with begun(tmp_path / "a", shelf, "a", "b", "c") as ledger:
        assert ledger.missing(["c", "a", "b"]) == ["a", "b", "c"]
        for key in ("a", "b", "c"):
            ledger.add(trace(key, key))
        ledger.commit()
        ledger.commit()
    assert len(shelf.stored) == 1
    with begun(tmp_path / "b", shelf, "z", "c", "a") as other:
        assert other.missing(["z", "c", "a"]) == ["z"]
        assert found(other, "a", "b", "c", "z") == {"a": "a", "c": "c"}
        assert other.count() == 2


def test_what_was_kept_but_not_committed_survives_a_kill_and_is_committed_by_the_next_process(tmp_path):
    shelf = Shelf()
    first = opened(tmp_path, shelf, "a", "b")
    first.add(trace("a", "kept"))
    first.keep()
    first.add(trace("b", "in memory"))  # and the process is gone
    assert shelf.ids == []
    with begun(tmp_path, shelf, "a", "b") as ledger:
        assert ledger.missing(["a", "b"]) == ["b"]
        assert shelf.ids == ["a"]


def test_a_kill_between_a_part_and_its_mark_stores_nothing_twice(tmp_path):
    shelf = Shelf()
    first = opened(tmp_path, shelf, "a")
    first.add(trace("a"))
    first.keep()
    shelf.append("g", [trace("a")])  # the part is there, the mark is not
    with begun(tmp_path, shelf, "a") as ledger:
        assert ledger.missing(["a"]) == []
    assert shelf.ids == ["a"]


def test_a_file_that_is_lost_or_torn_costs_nothing_that_was_committed(tmp_path):
    shelf = Shelf()
    with begun(tmp_path, shelf, "a", "b") as ledger:
        ledger.add(trace("a"))
        ledger.commit()
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"SQLite format 3\0" + b"torn" * 100)):
        damage(tmp_path / FILE)
        with begun(tmp_path, shelf, "a", "b") as ledger:
            assert ledger.missing(["a", "b"]) == ["b"]


def test_rows_before_the_tear_of_a_torn_part_are_taken_and_the_tear_is_told(tmp_path):
    shelf = Shelf()
    name = shelf.append("g", [trace("a"), trace("b")])
    shelf.torn.add(name)
    shelf.append("g", [trace("c")])
    with begun(tmp_path, shelf, "a", "b", "c") as ledger:
        assert ledger.missing(["a", "b", "c"]) == ["b"]
        assert ledger.torn == [f"{name}: line 2 (the last) is torn"]


def test_a_real_part_cut_in_the_middle_gives_the_rows_before_the_cut(tmp_path):
    rows = StoredRows(open_store(str(tmp_path / "root")))
    keys = [f"k{number}" for number in range(2000)]
    name = rows.append("g", [trace(key, os.urandom(200).hex()) for key in keys])
    path = tmp_path / "root" / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with begun(tmp_path / "scratch", rows, *keys) as ledger:
        assert 0 < ledger.count() < 2000
        assert "torn" in ledger.torn[0]


def test_a_row_of_another_schema_is_passed_over_and_counted(tmp_path):
    shelf = Shelf()
    shelf.stored["g/0"] = [{"id": "a", "v": 99}, {"v": 1}]
    shelf.append("g", [trace("b")])
    with begun(tmp_path, shelf, "a", "b") as ledger:
        assert ledger.missing(["a", "b"]) == ["a"]
        assert ledger.unreadable == 1


def test_an_error_is_in_this_runs_output_but_never_on_the_shelf_and_the_next_run_asks_again(tmp_path):
    shelf = Shelf()
    with begun(tmp_path, shelf, "a", "b") as ledger:
        ledger.add(trace("a", error="timed out"))
        ledger.add(trace("b"))
        ledger.commit()
        assert (ledger.find("a").error, ledger.count(), shelf.ids) == ("timed out", 1, ["b"])
    with begun(tmp_path, shelf, "a", "b") as ledger:
        assert ledger.missing(["a", "b"]) == ["a"]


def test_a_shelf_that_takes_nothing_loses_nothing(tmp_path):
    shelf = Shelf()
    shelf.is_full = True
    first = opened(tmp_path, shelf, "a")
    first.add(trace("a"))
    with pytest.raises(StoreError, match="no space left"):
        first.commit()
    shelf.is_full = False
    with begun(tmp_path, shelf, "a") as ledger:
        assert (ledger.missing(["a"]), shelf.ids) == ([], ["a"])


def test_a_full_disk_is_told_and_what_fits_on_the_shelf_is_still_committed(small_disk, tmp_path):
    shelf = Shelf()
    disk = small_disk("1m")
    keys = [f"k{number}" for number in range(60)]
    with begun(disk, shelf, *keys) as ledger:

        def fill():
            for key in keys:
                ledger.add(trace(key, os.urandom(20000).hex()))
                ledger.keep()

        with pytest.raises(StoreError, match=rf"{FILE}: .*free some space, then run again"):
            fill()
        with pytest.raises(StoreError):
            ledger.commit()
        answered = 60 - len(ledger.missing(keys)) + 1  # the one that did not fit into the file
    assert sorted(shelf.ids) == sorted(keys[:answered])


def test_of_two_processes_at_one_file_one_row_a_key_stands_and_is_committed_once(tmp_path):
    shelf = Shelf()
    keys = [f"k{number}" for number in range(300)]
    ledgers = [opened(tmp_path, shelf, *keys) for _ in range(2)]

    def work(ledger, name):
        for key in keys:
            ledger.add(trace(key, name))
            if int(key[1:]) % 7 == 0:
                ledger.keep()
        ledger.commit()

    threads = [threading.Thread(target=work, args=(ledger, name)) for ledger, name in zip(ledgers, "xy", strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(shelf.ids) == sorted(keys)
    assert found(ledgers[0], *keys) == found(ledgers[1], *keys)


def test_what_comes_while_others_are_committed_is_committed_once(tmp_path):
    shelf, late = Shelf(), iter([f"late {number}" for number in range(9)])

    def clock():
        """Is asked in the middle of a commit, where the event loop may add what has just come."""
        if key := next(late, None):
            ledger.add(trace(key))
        return 0.0

    keys = ["a", *(f"late {number}" for number in range(9))]
    with begun(tmp_path, shelf, *keys, clock=clock) as ledger:
        ledger.add(trace("a"))
        for _ in range(20):
            ledger.commit()
    assert sorted(shelf.ids) == sorted(keys)


def choice_of(folder, order):
    shelf = Shelf()
    for i in order:
        shelf.append("g", [trace(f"k{i % 2}", response=f"answer {i}", seconds=float(i))])
    with begun(folder, shelf, "k0", "k1") as ledger:
        return found(ledger, "k0", "k1")


@settings(max_examples=30)
@given(st.permutations(range(6)))
def test_of_two_traces_with_one_key_the_choice_does_not_depend_on_the_order_of_the_parts(tmp_path_factory, order):
    assert choice_of(tmp_path_factory.mktemp("one"), order) == choice_of(tmp_path_factory.mktemp("two"), range(6))


class Model:
    """What a ledger promises, in dictionaries: kept is safe on this disk, committed is safe everywhere."""

    def __init__(self):
        self.memory, self.kept, self.committed = {}, {}, {}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.integers(0, 7)),
        st.sampled_from([("keep", 0), ("commit", 0), ("kill", 0), ("new disk", 0), ("other run", 0)]),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(STEPS, st.permutations([f"k{number}" for number in range(8)]), st.integers(1, 4))
def test_whatever_is_killed_when_each_row_is_stored_once_and_only_what_was_not_safe_is_asked_again(
    tmp_path_factory, steps, order, commit_rows
):
    shelf, model, base = Shelf(), Model(), tmp_path_factory.mktemp("ledger")
    disks = 0

    def begin():
        return opened(base / str(disks), shelf, *order, commit_rows=commit_rows, commit_s=1e9)

    ledger = begin()
    for step, number in steps:
        key = f"k{number}"
        if step == "answer" and ledger.missing([key]) and key not in model.memory:
            model.memory[key] = f"{key} {len(model.memory)}"
            ledger.add(trace(key, model.memory[key]))
        elif step in ("keep", "commit"):
            ledger.keep() if step == "keep" else ledger.commit()
            model.kept |= model.memory
            model.memory = {}
        elif step in ("kill", "new disk"):
            ledger.close()
            model.memory = {}
            disks += step == "new disk"
            model.kept = dict(model.committed) if step == "new disk" else model.kept
            ledger = begin()
        elif step == "other run":
            with begun(base / "other", shelf, *order) as other:
                assert found(other, *order) == model.committed
        model.committed = {row["id"]: row["response"] for rows in shelf.stored.values() for row in rows}
        assert found(ledger, *order) == model.kept
        assert model.committed.items() <= model.kept.items()
        assert len(shelf.ids) == len(set(shelf.ids))
    ledger.commit()
    assert sorted(shelf.ids) == sorted(found(ledger, *order))
    ledger.close()


def test_a_part_is_due_when_it_is_full_or_old(tmp_path):
    now = 0.0
    ledger = opened(tmp_path, Shelf(), *"abc", commit_rows=2, commit_s=30, clock=lambda: now)
    ledger.add(trace("a"))
    ledger.keep()
    assert not ledger.is_due
    now = 30.0
    assert ledger.is_due
    ledger.keep()
    assert not ledger.is_due
    ledger.add(trace("b"))
    ledger.keep()
    assert not ledger.is_due
    ledger.add(trace("c"))
    ledger.keep()
    assert len(ledger._shelf.ids) == 3


GROWING = """
import resource, sys
from pathlib import Path
from nemoflow.flow.scratch import StoredRows
from nemoflow.inference.ledger import Ledger
from nemoflow.records import Trace
from nemoflow.store import open_store
folder, count = Path(sys.argv[1]), int(sys.argv[2])
rows = StoredRows(open_store(str(folder)))
with Ledger(folder / "scratch", rows, "g", 2048) as ledger:
    ledger.expect(f"key {number}" for number in range(count))
    ledger.gather()
    for number in range(count):
        if ledger.missing([f"key {number}"]):
            fields = dict(problem_id="p", category="c", source="teacher", model="m", messages=())
            ledger.add(Trace(id=f"key {number}", response=str(number) * 100, **fields))
            if number % 200 == 0:
                ledger.keep()
    ledger.commit()
    assert sum(ledger.find(f"key {number}") is not None for number in range(count)) == count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.slow
def test_ten_times_the_rows_take_no_more_memory(tmp_path):
    peaks = []
    for count in (4000, 40000):
        command = [sys.executable, "-c", GROWING, str(tmp_path / str(count)), str(count)]
        peaks.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert peaks[1] < peaks[0] + 12


def test_a_process_killed_while_it_writes_leaves_a_file_that_the_next_one_reads(tmp_path):
    script = GROWING.replace("number % 200 == 0", "True")
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path), "100000"], stdout=subprocess.DEVNULL)
    while not list((tmp_path / "traces").glob("g/*")) and child.poll() is None:
        threading.Event().wait(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    rows = StoredRows(open_store(str(tmp_path)))
    with begun(tmp_path / "scratch", rows, *(f"key {number}" for number in range(100000))) as ledger:
        answered = ledger.count()
    ids = [row["id"] for row in rows.read("g")]
    assert len(ids) == len(set(ids)) == answered >= 2048
