"""Folders go in and come out file by file, each with its digest."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import xxhash

from nemoflow.errors import InputError
from nemoflow.store import Store, fetch_folder, publish_folder

FILES = {"config.json": b"{}", "sub/deep/weights.bin": bytes(range(256)) * 1000, "sub-2": b"", ".hidden": b"h", "é": b"e"}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / "made" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "made" / name).write_bytes(data)
    (tmp_path / "made" / "empty").mkdir()
    return tmp_path / "made"


def content(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_comes_out_as_it_went_in(store: Store, made: Path, tmp_path: Path) -> None:
    infos = publish_folder(store, "out/adapter", made)
    assert [(info.path, info.size, info.digest) for info in infos] == [
        (name, len(FILES[name]), xxhash.xxh3_128_hexdigest(FILES[name])) for name in sorted(FILES)
    ]
    assert content(fetch_folder(store, "out/adapter", infos, tmp_path / "cache")) == FILES


def test_digests_do_not_depend_on_times(store: Store, made: Path) -> None:
    first = publish_folder(store, "one", made)
    os.utime(made / "config.json", (0, 0))
    assert publish_folder(store, "two", made) == first


def test_a_missing_folder_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent: no such folder"):
        publish_folder(store, "one", tmp_path / "absent")


def test_what_is_whole_in_the_cache_is_not_fetched_again_and_what_is_not_is(store: Store, made: Path, tmp_path: Path) -> None:
    infos = publish_folder(store, "one", made)
    cache = fetch_folder(store, "one", infos, tmp_path / "cache")
    if cache != tmp_path / "cache":
        assert cache == store.local_path("one")
        return
    os.utime(cache / "config.json", (0, 0))
    (cache / "sub-2").write_bytes(b"wrong")
    (cache / "é").unlink()
    assert content(fetch_folder(store, "one", infos, cache)) == FILES
    assert (cache / "config.json").stat().st_mtime == 0


def test_a_file_that_is_gone_or_changed_is_named(store: Store, made: Path, tmp_path: Path) -> None:
    infos = publish_folder(store, "one", made)
    store.write_bytes("one/config.json", b"{ }")
    with pytest.raises(InputError, match="expected") as caught:
        fetch_folder(store, "one", infos, tmp_path / "cache")
    assert store.address("one/config.json") in str(caught.value)
    assert not (tmp_path / "cache" / "config.json").exists()
    store.delete("one/config.json")
    with pytest.raises(InputError, match="no such"):
        fetch_folder(store, "one", infos, tmp_path / "cache")


def test_a_file_that_changed_and_kept_its_size_is_named(store: Store, made: Path, tmp_path: Path) -> None:
    infos = publish_folder(store, "one", made)
    store.write_bytes("one/config.json", store.read_bytes("one/config.json")[::-1])
    with pytest.raises(InputError, match=r"one/config\.json: digest .*it was changed after it was published"):
        fetch_folder(store, "one", infos, tmp_path / "cache")


def test_a_folder_without_files_is_a_folder(store: Store, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert publish_folder(store, "one", tmp_path / "none") == []


def test_a_name_that_leads_out_of_the_cache_is_refused(store: Store, made: Path, tmp_path: Path) -> None:
    infos = publish_folder(store, "one", made)
    with pytest.raises(Exception, match=r"'\.\.'"):
        fetch_folder(store, "one", [replace(infos[0], path="../outside")], tmp_path / "cache")
