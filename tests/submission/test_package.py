import hashlib
import json
import os
import time
import zipfile

import pytest
from tests.submission.lora import Lora, save_base, sound

from nemoflow.errors import SubmissionError
from nemoflow.submission.doctor import examine
from nemoflow.submission.package import Receipt, pack


@pytest.fixture
def base(tmp_path):
    return save_base(tmp_path / "base")


@pytest.fixture
def lora(tmp_path) -> Lora:
    return sound(tmp_path / "adapter")


def packed(lora: Lora, base, out, max_bytes: int = 10**6, name: str = "") -> Receipt:
    out.mkdir(exist_ok=True)
    folder = lora.save()
    return pack(folder, examine(folder, base, 32), out, max_bytes, name)


def test_the_zip_holds_exactly_the_two_files_at_its_root(lora, base, tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "log.jsonl").write_text("{}")
    packed(lora, base, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out" / "submission.zip") as zipped:
        assert zipped.namelist() == ["adapter_config.json", "adapter_model.safetensors"]
        assert zipped.testzip() is None
        for name in zipped.namelist():
            assert zipped.read(name) == (lora.folder / name).read_bytes()


def test_the_same_adapter_gives_the_same_bytes_whenever_and_wherever_it_is_packed(lora, base, tmp_path):
    first = packed(lora, base, tmp_path / "one")
    for file in lora.folder.iterdir():
        os.utime(file, (time.time() + 10**6,) * 2)
        file.chmod(0o600)
    folder = lora.folder
    second = pack(folder, examine(folder, base, 32), base, 10**6)
    assert first == second
    assert (tmp_path / "one" / "submission.zip").read_bytes() == (base / "submission.zip").read_bytes()


def test_the_receipt_says_what_was_packed(lora, base, tmp_path):
    receipt = packed(lora, base, tmp_path / "out").to_json()
    archive = (tmp_path / "out" / "submission.zip").read_bytes()
    assert receipt["sha256"] == hashlib.sha256(archive).hexdigest()
    assert receipt["bytes"] == len(archive)
    assert receipt["files"] == {
        name: hashlib.sha256((lora.folder / name).read_bytes()).hexdigest() for name in ("adapter_config.json", "adapter_model.safetensors")
    }
    assert (receipt["tensors"], receipt["parameters"], receipt["rank"], receipt["warnings"]) == (6, 256, 4, [])
    json.dumps(receipt)


def test_a_name_for_the_base_model_replaces_what_the_training_machine_called_it(lora, base, tmp_path):
    lora.config["base_model_name_or_path"] = "/somewhere"
    packed(lora, base, tmp_path / "out", name="nvidia/model")
    with zipfile.ZipFile(tmp_path / "out" / "submission.zip") as zipped:
        config = json.loads(zipped.read("adapter_config.json"))
    assert config == {**lora.config, "base_model_name_or_path": "nvidia/model"}


def test_an_adapter_that_is_not_sound_leaves_no_zip(lora, base, tmp_path):
    lora.config["use_dora"] = True
    with pytest.raises(SubmissionError, match=r"would not take it: use_dora: True \(dora\)"):
        packed(lora, base, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_zip_over_the_limit_is_refused_with_both_sizes(lora, base, tmp_path):
    with pytest.raises(SubmissionError, match=r"has \d+ bytes, 100 are taken"):
        packed(lora, base, tmp_path / "out", max_bytes=100)
