"""One root in a bucket, used from two places: a pod and a laptop that call the same server by other names."""

import os
from pathlib import Path

import pytest
from tests.conftest import MinioServer
from tests.flow.toy import COPY, CountConfig, line, words

from nemoflow.artifacts import Report
from nemoflow.errors import InputError
from nemoflow.flow.artifact import StoredInput
from nemoflow.flow.fingerprint import BLOCK_BYTES, WHOLE_BYTES
from nemoflow.flow.local import run_local
from nemoflow.flow.pipeline import Node
from nemoflow.flow.place import Place
from nemoflow.records import Problem
from nemoflow.store import Store, open_store, publish_folder, write_rows


def test_what_one_made_is_reused_by_the_other_whatever_the_server_is_called(
    minio: MinioServer, s3_root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    run_local(line(log), Place(open_store(s3_root), "pod"))
    first = words(log)
    monkeypatch.setenv("S3_ENDPOINT", f"http://localhost:{minio.port}")
    monkeypatch.setenv("AWS_S3_ADDRESSING_STYLE", "path")
    store = open_store(s3_root)
    run_local(line(log), Place(store, "pod"))
    run_local(line(log), Place(store, "laptop"))
    assert words(log) == first
    assert not [entry.key for entry in store.list("") if b"127.0.0.1" in store.read_bytes(entry.key)]


@pytest.mark.parametrize("size", [0, 10, WHOLE_BYTES + BLOCK_BYTES + 7])
def test_inputs_in_a_bucket_have_the_identity_of_their_local_copy(s3_root: str, tmp_path: Path, size: int) -> None:
    folder = tmp_path / "model"
    for name in ("a-1", "a/b", "weights"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.urandom(9))
    with (folder / "weights").open("wb") as stream:
        stream.write(b"begin")
        stream.truncate(max(size, 5))
    store = open_store(s3_root)
    publish_folder(store, "inputs/model", folder)
    place = Place(store, "one")
    assert place.digest_uri(f"{s3_root}/inputs/model") == place.digest_uri(str(folder))
    assert place.digest_uri(f"{s3_root}/inputs/model/weights") == place.digest_uri(str(folder / "weights"))
    store.write_bytes("inputs/model/a-1", b"another")
    assert place.digest_uri(f"{s3_root}/inputs/model") != place.digest_uri(str(folder))


@pytest.mark.parametrize("folder", ["", "inputs/deeper/"])
def test_a_single_object_is_an_input_wherever_it_lies(s3_root: str, folder: str) -> None:
    store = open_store(s3_root)
    rows = [Problem(id=f"p{index}", statement="s", gold="1", category="c", source="x") for index in range(3)]
    write_rows(store, f"{folder}problems.jsonl", rows)
    place = Place(store, "one")
    node = Node("copy", COPY, CountConfig(), {"problems": f"{s3_root}/{folder}problems.jsonl"})
    opened = place.open_input(node, "problems", place.digest_uri(f"{s3_root}/{folder}problems.jsonl"))
    assert [row.id for row in opened.rows()] == ["p0", "p1", "p2"]
    assert [path.name for path in opened.folder().iterdir()] == ["problems.jsonl"]
    opened.close()


def test_a_changed_json_output_is_not_handed_on(store: Store) -> None:
    place = Place(store, "one")
    run_local(line(), place)
    manifest = place.manifest("page")
    assert manifest is not None
    page = StoredInput("page", Report, "", store, manifest.outputs["page"], manifest)
    assert page.json("page.json") == {"rows": 3}
    key = f"{manifest.outputs['page'].address}/page.json"
    store.write_bytes(key, store.read_bytes(key).replace(b"3", b"4"))
    with pytest.raises(InputError, match=r"page\.json: not the bytes that were published"):
        page.json("page.json")
