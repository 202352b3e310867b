import pytest
from tests.flow.toy import problem

from nemoflow.flow.scratch import StoredRows, StoredScratch
from nemoflow.store import open_store


def test_what_was_saved_is_there_for_the_next_attempt(tmp_path):
    store = open_store(str(tmp_path))
    first = StoredScratch(store, "runs/a/n/scratch")
    (first.path() / "sub").mkdir()
    (first.path() / "sub" / "checkpoint").write_text("1")
    first.save()
    first.close()
    second = StoredScratch(store, "runs/a/n/scratch")
    assert (second.path() / "sub" / "checkpoint").read_text() == "1"
    second.discard()
    assert not list(store.list("runs"))


def test_shared_rows_come_back_in_the_order_of_their_commits(tmp_path):
    rows = StoredRows(open_store(str(tmp_path)))
    for start in (0, 2, 4):
        rows.append("group", [problem(start), problem(start + 1)])
    rows.append("other", [problem(9)])
    assert [row["id"] for row in rows.read("group")] == [f"p{i}" for i in range(6)]
    assert list(rows.read("none")) == []


@pytest.mark.parametrize("names", [["a"], ["a", "b/c"], []])
def test_a_bucket_gives_back_exactly_the_last_save(s3_root, names):
    store = open_store(s3_root)
    first = StoredScratch(store, "scratch")
    (first.path() / "old").write_text("old")
    first.save()
    (first.path() / "old").unlink()
    for name in names:
        (first.path() / name).parent.mkdir(exist_ok=True)
        (first.path() / name).write_text(name)
    first.save()
    (first.path() / "unsaved").write_text("lost")
    second = StoredScratch(store, "scratch")
    found = {file.relative_to(second.path()).as_posix(): file.read_text() for file in second.path().rglob("*") if file.is_file()}
    assert found == {name: name for name in names}
    second.discard()
    first.close()
    assert not list(store.list("scratch"))
