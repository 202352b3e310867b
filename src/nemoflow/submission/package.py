"""`submission.zip`: exactly `adapter_config.json` and `adapter_model.safetensors` at its root, the same bytes every time.

The scorer searches the unpacked zip for `adapter_config.json` and takes the first folder that holds one, so nothing else
goes in. Dates, order and permissions are fixed; what remains is zlib, whose output is the same on one machine.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemoflow.errors import SubmissionError
from nemoflow.submission.config_rules import CONFIG
from nemoflow.submission.doctor import Checkup
from nemoflow.submission.files import WEIGHTS

ARCHIVE = "submission.zip"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip can hold."""
CHUNK = 1 << 22


@dataclass(frozen=True)
class Receipt:
    """What was packed, to be compared with what was uploaded."""

    sha256: str
    size: int
    """Bytes of the zip."""
    files: dict[str, str]
    """Name in the zip -> sha256 of its content."""
    checkup: Checkup

    def to_json(self) -> dict[str, Any]:
        """The content of `receipt.json`."""
        return {
            "archive": ARCHIVE,
            "sha256": self.sha256,
            "bytes": self.size,
            "files": self.files,
            "rank": self.checkup.rank,
            "scale": self.checkup.scale,
            "modules": self.checkup.modules,
            "dead_modules": len(self.checkup.dead),
            "tensors": self.checkup.tensors,
            "parameters": self.checkup.parameters,
            "dtypes": list(self.checkup.dtypes),
            "warnings": list(self.checkup.warnings),
        }


def pack(adapter: Path, checkup: Checkup, target: Path, max_bytes: int, base_model_name: str = "") -> Receipt:
    """Write the zip into the folder `target`; the adapter has to be sound.

    A `base_model_name` is written into the config in place of whatever the training machine called its base model.
    """
    checkup.require_sound(adapter)
    archive = target / ARCHIVE
    files = {}
    with zipfile.ZipFile(archive, "w") as zipped:
        files[CONFIG] = _add(zipped, CONFIG, iter([_config_bytes(adapter, checkup, base_model_name)]))
        files[WEIGHTS] = _add(zipped, WEIGHTS, _chunks(adapter / WEIGHTS))
    size = archive.stat().st_size
    if size > max_bytes:
        raise SubmissionError(f"{archive.name}: has {size} bytes, {max_bytes} are taken; save the weights as bf16 or adapt fewer modules")
    return Receipt(sha256=_digest(_chunks(archive)), size=size, files=files, checkup=checkup)


def _config_bytes(adapter: Path, checkup: Checkup, base_model_name: str) -> bytes:
    if not base_model_name:
        return (adapter / CONFIG).read_bytes()
    config = {**checkup.config, "base_model_name_or_path": base_model_name}
    return json.dumps(config, indent=2, sort_keys=True).encode() + b"\n"


def _add(zipped: zipfile.ZipFile, name: str, chunks: Iterator[bytes]) -> str:
    entry = zipfile.ZipInfo(name, date_time=EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    entry.create_system = 3
    digest = hashlib.sha256()
    with zipped.open(entry, "w", force_zip64=True) as stream:
        for chunk in chunks:
            digest.update(chunk)
            stream.write(chunk)
    return digest.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _digest(chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
