"""Files from anywhere: each way to be hostile or torn has a zip or folder made here, and nothing is written outside."""

import json
import os
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from tests.models.handmade import encode, with_header
from tests.submission.lora import Lora, save_base, sound

from nemoflow.errors import InputError
from nemoflow.submission.doctor import Checkup, examine
from nemoflow.submission.rules import RULES

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.fixture
def base(tmp_path):
    return save_base(tmp_path / "base")


@pytest.fixture
def lora(tmp_path) -> Lora:
    return sound(tmp_path / "adapter")


@pytest.fixture
def files(lora) -> dict[str, bytes]:
    lora.save()
    return {name: (lora.folder / name).read_bytes() for name in (CONFIG, WEIGHTS)}


def zipped(path: Path, files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def rules(checkup: Checkup) -> list[tuple[str, str]]:
    return [(finding.rule, finding.severity) for finding in checkup.findings]


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_zip_is_examined_as_its_folder(lora, files, base, tmp_path, how):
    from_zip = examine(zipped(tmp_path / "s.zip", files, how), base, 32)
    assert from_zip == examine(lora.folder, base, 32)
    assert (from_zip.findings, from_zip.tensors) == ((), 6)


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"README.md": b"", "chat_template.jinja": b""}, "extra-files"),
        ({"__MACOSX/._adapter_config.json": b""}, "extra-files"),
        ({"adapter_model.bin": b""}, "pickle-aside"),
        ({"old.zip": b""}, "inner-zip"),
        ({"checkpoint-5/adapter_config.json": b"{}"}, "many-adapters"),
        ({"../../evil.txt": b""}, "zip-path"),
        ({"/etc/evil": b""}, "zip-path"),
        ({"C:/evil": b""}, "zip-path"),
    ],
)
def test_what_lies_beside_the_adapter_in_a_zip_is_named(files, base, tmp_path, more, rule):
    checkup = examine(zipped(tmp_path / "s.zip", {**files, **more}), base, 32)
    assert rules(checkup) == [(rule, RULES[rule].severity)]
    assert checkup.tensors == 6
    assert not (tmp_path.parent / "evil.txt").exists()


def test_a_nested_adapter_is_found_as_the_scorer_finds_it_and_is_a_risk(lora, files, base, tmp_path):
    checkup = examine(zipped(tmp_path / "s.zip", {f"out/final/{name}": content for name, content in files.items()}), base, 32)
    assert (rules(checkup), checkup.tensors) == ([("nested", "risk")], 6)
    (tmp_path / "out").mkdir()
    Lora(tmp_path / "out" / "final", tensors=lora.tensors).save()
    assert rules(examine(tmp_path / "out", base, 32)) == [("nested", "risk")]


def test_checkpoints_below_an_adapter_are_a_risk_and_two_adapters_side_by_side_refused(lora, base, tmp_path):
    Lora(lora.save() / "checkpoint-1", tensors=lora.tensors).save()
    assert rules(examine(lora.folder, base, 32)) == [("more-adapters", "risk"), ("extra-files", "note")]
    Lora(tmp_path / "two" / "a", tensors=lora.tensors).folder.mkdir(parents=True)
    for name in ("a", "b"):
        Lora(tmp_path / "two" / name, tensors=lora.tensors).save()
    assert ("many-adapters", "refused") in rules(examine(tmp_path / "two", base, 32))


def test_shards_are_refused_and_still_examined(lora, base):
    weights = lora.save() / WEIGHTS
    names = sorted(lora.tensors)
    for number, part in enumerate((names[:3], names[3:]), 1):
        (lora.folder / f"adapter_model-0000{number}-of-00002.safetensors").write_bytes(encode({name: lora.tensors[name] for name in part}))
    weights.unlink()
    checkup = examine(lora.folder, base, 32)
    assert (rules(checkup), checkup.tensors) == ([("sharded", "refused")], 6)


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.pt"])
def test_a_pickle_is_refused_and_never_opened(lora, base, name):
    (lora.save() / WEIGHTS).unlink()
    (lora.folder / name).write_bytes(b"cos\nsystem\n(S'touch /tmp/pwned'\ntR.")
    assert rules(examine(lora.folder, base, 32)) == [("pickle", "refused")]


def test_a_folder_without_an_adapter_says_what_it_holds(lora, base, tmp_path):
    (finding,) = examine(base, base, 32).findings
    assert (finding.rule, finding.value) == ("no-config", "missing; this is a whole model")
    (lora.save() / WEIGHTS).rename(lora.folder / "adapters.safetensors")
    finding = examine(lora.folder, base, 32).findings[0]
    assert (finding.rule, finding.value) == ("no-weights", "missing; there is adapter_config.json, adapters.safetensors")
    (tmp_path / "empty").mkdir()
    assert examine(tmp_path / "empty", base, 32).findings[0].value == "missing; there is nothing"
    inner = zipped(tmp_path / "inner.zip", {CONFIG: b"{}"}).read_bytes()
    assert rules(examine(zipped(tmp_path / "outer.zip", {"submission.zip": inner}), base, 32)) == [("no-config", "refused")]


def test_what_is_neither_a_folder_nor_a_zip_is_an_error_of_the_caller(base, tmp_path):
    with pytest.raises(InputError, match="no such folder or zip"):
        examine(tmp_path / "nothing", base, 32)
    (tmp_path / "a.zip").write_bytes(b"PK\3\4 torn")
    with pytest.raises(InputError, match="is no zip, or a torn one"):
        examine(tmp_path / "a.zip", base, 32)
    with pytest.raises(InputError, match="cannot be read"):
        examine(tmp_path / ("long" * 200), base, 32)


def test_a_pipe_a_folder_and_a_dangling_link_are_no_files(lora, base):
    weights = lora.save() / WEIGHTS
    content = weights.read_bytes()
    weights.unlink()
    os.mkfifo(weights)
    assert rules(examine(lora.folder, base, 32)) == [("no-file", "refused")]
    weights.unlink()
    weights.symlink_to("nowhere")
    assert rules(examine(lora.folder, base, 32)) == [("no-file", "refused")]
    (lora.folder.parent / "blob").write_bytes(content)
    weights.unlink()
    weights.symlink_to(lora.folder.parent / "blob")  # as the hub's cache has it
    assert rules(examine(lora.folder, base, 32)) == []


def test_links_in_a_zip_are_refused(files, base, tmp_path):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo(WEIGHTS)
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
        archive.writestr(CONFIG, files[CONFIG])
    assert rules(examine(path, base, 32)) == [("zip-link", "refused")]


def test_an_encrypted_zip_is_refused(files, base, tmp_path):
    content = bytearray(zipped(tmp_path / "s.zip", files).read_bytes())
    for magic, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.find(magic)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(magic, at + 4)
    (tmp_path / "s.zip").write_bytes(content)
    assert rules(examine(tmp_path / "s.zip", base, 32)) == [("zip-encrypted", "refused")]


def test_a_bomb_is_refused_before_a_byte_is_unpacked(files, base, tmp_path):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CONFIG, files[CONFIG])
        with archive.open(WEIGHTS, "w") as stream:
            for _ in range(120):
                stream.write(bytes(1 << 20))
    (finding,) = examine(path, base, 32).findings
    assert (finding.rule, finding.subjects) == ("zip-bomb", (WEIGHTS,))
    assert "unpack to 125," in finding.value


def test_two_entries_of_one_name_are_refused(files, base, tmp_path):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (CONFIG, WEIGHTS):
            archive.writestr(name, files[name])
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(WEIGHTS, files[WEIGHTS])
    assert rules(examine(path, base, 32)) == [("zip-twice", "refused")]


def test_a_zip_whose_bytes_do_not_match_their_checksum_is_broken(files, base, tmp_path):
    path = zipped(tmp_path / "s.zip", files, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.find(b"base_model.model") + 400] ^= 1
    path.write_bytes(content)
    assert rules(examine(path, base, 32)) == [("zip-broken", "refused")]


def test_entries_that_share_bytes_are_broken(files, base, tmp_path):
    path = zipped(tmp_path / "s.zip", {CONFIG: files[CONFIG], WEIGHTS: files[WEIGHTS]}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\1\2")
    struct.pack_into("<I", content, at + 42, 10)
    path.write_bytes(content)
    assert rules(examine(path, base, 32)) == [("zip-broken", "refused")]


HEADERS = {
    "torn": lambda content: content[:-8],
    "with something behind it": lambda content: content + b"more",
    "huge": lambda content: (1 << 40).to_bytes(8, "little") + content[8:],
    "announced": lambda content: ((1 << 25) + 1).to_bytes(8, "little") + b" " * (1 << 26),
    "short": lambda content: content[:5],
    "no JSON": lambda content: with_header(b"\xff\xfe{"),
    "deep": lambda content: with_header(b"[" * 100_000),
    "overlapping": lambda content: content.replace(b'"data_offsets": [128,', b'"data_offsets": [124,'),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_that_safetensors_would_not_open_is_refused(lora, base, kind):
    path = lora.save() / WEIGHTS
    path.write_bytes(HEADERS[kind](path.read_bytes()))
    assert rules(examine(lora.folder, base, 32)) == [("header", "refused")]


def test_an_adapter_without_tensors_is_refused(lora, base):
    lora.tensors.clear()
    assert rules(examine(lora.save(), base, 32)) == [("no-tensors", "refused")]


@pytest.mark.parametrize(("size", "severity"), [(1_500_000_000, None), (1_500_000_001, "risk")])
def test_weights_beyond_the_upload_limit_are_a_risk(lora, base, size, severity):
    shape = [1, (size - 200) // 2]
    entry = {"x": {"dtype": "BF16", "shape": shape, "data_offsets": [0, 2 * shape[1]]}}
    header = json.dumps(entry).encode()
    header += b" " * (size - 8 - len(header) - 2 * shape[1])
    path = lora.save() / WEIGHTS
    with path.open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        stream.truncate(size)
    from nemoflow.submission.files import open_adapter

    with open_adapter(lora.folder) as opened:
        assert [(finding.rule, finding.severity) for finding in opened.findings] == ([("size", severity)] if severity else [])


def test_random_damage_to_a_zip_is_a_finding_or_an_error_and_never_anything_else(files, base, tmp_path):
    content = zipped(tmp_path / "s.zip", files).read_bytes()
    for number in range(120):
        at = zlib.crc32(str(number).encode()) % len(content)
        damaged = bytearray(content)
        damaged[at] ^= 1 << number % 8
        (tmp_path / "d.zip").write_bytes(damaged)
        try:
            examine(tmp_path / "d.zip", base, 32)
        except InputError as error:
            assert "is no zip, or a torn one" in str(error)  # noqa: PT017 - most damage is a finding
