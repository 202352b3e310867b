"""What is special about a folder: the disk's own errors, and what killed writers leave."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nemoflow.errors import ConfigError, InputError, StoreError
from nemoflow.store import Store, open_store, write_rows
from nemoflow.store.disk import STALE_S
from nemoflow.store.keys import TEMPORARY


def test_a_full_disk_is_named_and_costs_nothing_that_was_there(small_disk: Callable[[str], Path], tmp_path: Path) -> None:
    disk = small_disk("1m")
    store = open_store(str(disk))
    store.write_bytes("a", b"old")
    (tmp_path / "big").write_bytes(b"x" * 2**21)
    writes = [
        lambda: store.write_bytes("a", b"x" * 2**21),
        lambda: store.create("b", b"x" * 2**21),
        lambda: store.put_file("a", tmp_path / "big"),
        lambda: write_rows(store, "a", ({"text": "x" * 1000} for _ in range(2000))),
    ]
    for write in writes:
        with pytest.raises(StoreError, match="No space left on device; free some space") as caught:
            write()
        assert str(disk) in str(caught.value)
        assert [path.name for path in disk.iterdir()] == ["a"]
    assert store.read_bytes("a") == b"old"


def test_a_disk_that_fills_up_while_a_small_file_is_flushed_is_named(small_disk: Callable[[str], Path]) -> None:
    disk = small_disk("1m")
    (disk / "filler").write_bytes(b"x" * (2**20 - 4096))
    store = open_store(str(disk))
    with pytest.raises(StoreError, match="No space left"):
        store.write_bytes("a", b"x" * 8192)
    assert [path.name for path in disk.iterdir()] == ["filler"]


LIMITED = """
import resource, sys
from nemoflow.errors import StoreError
from nemoflow.store import open_store
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    open_store(sys.argv[1]).write_bytes("a", b"x" * 20_000)
except StoreError as error:
    print(error)
"""


def test_a_file_beyond_the_users_limit_is_named(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert f"{tmp_path}/a: could not be written, File too large; free some space or raise the quota" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_a_writer_left_long_ago_is_removed_and_what_is_fresh_stays(folder: Store) -> None:
    folder.write_bytes("a/b", b"x")
    place = folder.local_path("a")
    assert place is not None
    old, fresh, old_folder = place / f"{TEMPORARY}old", place / f"{TEMPORARY}fresh", place / f"{TEMPORARY}folder"
    old_folder.mkdir()
    for path in (old, fresh, old_folder / "x"):
        path.write_bytes(b"x")
    for path in (old, old_folder):
        os.utime(path, (time.time() - STALE_S - 60,) * 2)
    with folder.open_write("a/c") as file:
        file.write(b"x")
    assert sorted(path.name for path in place.iterdir()) == [fresh.name, "b", "c"]
    assert [entry.key for entry in folder.list("")] == ["a/b", "a/c"]


def test_a_root_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(InputError, match=r"file: is a file; a root is a folder or s3://bucket/prefix"):
        open_store(str(tmp_path / "file"))


def test_opening_makes_nothing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "absent"))
    assert list(store.list("")) == []
    store.delete("a")
    assert not (tmp_path / "absent").exists()


def test_a_key_is_either_a_file_or_a_folder(folder: Store) -> None:
    folder.write_bytes("a/b", b"x")
    for wrong in ("a", "a/b/c"):
        with pytest.raises(ConfigError, match="either a file or a folder"):
            folder.write_bytes(wrong, b"x")
    with pytest.raises(ConfigError, match="is a folder of other keys"):
        folder.read_bytes("a")
    assert not folder.exists("a/b/c")
    assert [entry.key for entry in folder.list("")] == ["a/b"]


def test_a_relative_root_stays_where_it_was(tmp_path: Path) -> None:
    code = "import os; from nemoflow.store import open_store; store = open_store('data/'); os.chdir('/'); store.write_bytes('a', b'x')"
    code += "; print(store.address('a'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "data/a\n"
    assert (tmp_path / "data" / "a").read_bytes() == b"x"


def test_files_are_readable_as_the_umask_says(folder: Store) -> None:
    folder.write_bytes("a", b"x")
    path = folder.local_path("a")
    mask = os.umask(0)
    os.umask(mask)
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("root", ["", "gs://bucket", "file:///data", "s3://", "s3:///a"])
def test_an_unknown_root_is_refused_with_what_is_right(root: str) -> None:
    with pytest.raises(ConfigError, match=r"root.*s3://bucket/prefix"):
        open_store(root)


def test_importing_the_store_loads_no_client_of_s3() -> None:
    code = "import sys, nemoflow.store; print([name for name in ('minio', 'urllib3', 'certifi') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_link_or_device_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")
    os.mkfifo(tmp_path / "pipe")
    store = open_store(str(tmp_path))
    for name in ("stdout", "pipe"):
        with pytest.raises(InputError, match="is a link or a device"), store.open_write(name) as stream:
            stream.write(b"x")
    assert (tmp_path / "stdout").is_symlink()
