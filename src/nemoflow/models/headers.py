"""Headers of safetensors files: names, dtypes and shapes of a model's tensors without torch and without reading the weights.

A file is eight bytes with the header's length, the header (JSON), then the tensors' bytes. The 63 GB of a 30 B model are
checked in milliseconds this way, and a hostile length or offset is refused before memory is given to it.
"""

import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemoflow.errors import InputError

MAX_HEADER_BYTES = 100_000_000
"""The limit of the format's reference implementation; 12,010 LoRA tensors take 1.6 MB."""

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
OTHER_WEIGHTS = {".bin": "PyTorch's own files (.bin)", ".gguf": "GGUF files", ".pth": "PyTorch's own files (.pth)"}
"""Ends of files that hold weights in forms that are not read."""

ITEM_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "I8", "U8", "BOOL"), 8),
    "F4": 4,
}


@dataclass(frozen=True)
class TensorHeader:
    """Where a tensor lies and what shape it has."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    start: int
    """First byte in the file."""
    end: int

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    def chunks(self, size: int = 1 << 22) -> Iterator[bytes]:
        """Its bytes, a piece at a time."""
        with self.file.open("rb") as stream:
            stream.seek(self.start)
            for position in range(self.start, self.end, size):
                yield stream.read(min(size, self.end - position))


def read_header(path: Path) -> dict[str, TensorHeader]:
    """Tensors of one file by name; InputError names the file and what is wrong with it."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(8)
            length = int.from_bytes(head, "little")
            if len(head) < 8 or length > min(MAX_HEADER_BYTES, size - 8):
                raise InputError(f"{path}: not a whole safetensors file: {size} bytes, of which the first 8 announce a header of {length}")
            entries = _parsed(stream.read(length))
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file; a safetensors file was expected") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: its safetensors header is not valid JSON: {error}") from None
    if not isinstance(entries, dict):
        raise InputError(f"{path}: its safetensors header is a JSON {type(entries).__name__}, an object was expected")
    notes = entries.pop("__metadata__", {})
    if not isinstance(notes, dict) or not all(isinstance(value, str) for value in notes.values()):
        raise InputError(f"{path}: its __metadata__ is {str(notes)[:80]}; safetensors opens none but strings under names")
    tensors = {name: _tensor(path, name, entry, 8 + length) for name, entry in entries.items()}
    _check_layout(path, tensors, 8 + length, size)
    return tensors


def read_folder(folder: Path) -> dict[str, TensorHeader]:
    """Tensors of a model's folder: one `model.safetensors`, or the shards that its index names, as transformers reads it."""
    tensors: dict[str, TensorHeader] = {}
    promised = {} if os.path.lexists(folder / WEIGHTS) else _index(folder)
    for path in sorted({folder / file for file in promised.values()}) or [folder / WEIGHTS]:
        for name, tensor in read_header(path).items():
            if name in tensors:
                raise InputError(f"{path}: tensor {name!r} is also in {tensors[name].file.name}; a model holds each tensor once")
            tensors[name] = tensor
    lacking = next((name for name in promised if name not in tensors), None)
    if lacking is not None:
        raise InputError(
            f"{folder / INDEX}: names the tensor {lacking!r}, which {promised[lacking]} does not hold; it would be drawn at random"
        )
    return tensors


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model's folder."""
    path = folder / "config.json"
    if (folder / ADAPTER).exists():  # transformers would load what is named there, whatever lies beside it
        raise InputError(f"{folder}: holds {ADAPTER}; that is an adapter, the model under it was expected")
    try:
        config = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(_without_config(folder, error)) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise InputError(f"{path}: has no model_type, such as 'nemotron_h'")
    return config


def _without_config(folder: Path, error: OSError) -> str:
    """Why there is no `config.json`, and what would be right."""
    right = "a model's folder holds config.json, safetensors and a tokenizer"
    if folder.is_file():
        return f"{folder}: is a file; {right}"
    if not folder.exists():
        return f"{folder / 'config.json'}: no such file; {right}; names on a hub are not looked up, download the model first"
    there = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
    return f"{folder / 'config.json'}: {there}; {right}{_in_other_forms(folder)}"


def _in_other_forms(folder: Path) -> str:
    found = sorted({says for path in folder.iterdir() if (says := OTHER_WEIGHTS.get(path.suffix))})
    return f"; there are {', '.join(found)}: the model in safetensors is right" if found else ""


def _index(folder: Path) -> dict[str, str]:
    """Names of tensors -> the shards that hold them."""
    index = folder / INDEX
    if not index.exists():
        found = sorted(path.name for path in folder.glob("*.safetensors"))
        if found:
            raise InputError(
                f"{folder}: holds {found[0]}, but neither {WEIGHTS} nor {INDEX}, by which shards are found; the whole folder is right"
            )
        raise InputError(f"{folder}: holds no safetensors file; a model's weights were expected here{_in_other_forms(folder)}")
    try:
        shards = dict(json.loads(index.read_bytes())["weight_map"])
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise InputError(f"{index}: not a safetensors index with a weight_map: {error!r}") from None
    outside = [name for name in shards.values() if not isinstance(name, str) or Path(name).name != name]
    if outside:
        raise InputError(f"{index}: names {outside[0]!r}, which is not a file beside it")
    if not shards:
        raise InputError(f"{index}: its weight_map is empty; names of tensors and their files were expected")
    return shards


def _parsed(head: bytes) -> Any:
    """As strictly as the format's reference implementation: UTF-8 alone, no byte-order mark, no NaN, no half of a surrogate pair."""
    text = head.decode()
    if "\\ud" in text.lower():
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    return json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the name {twice!r} occurs twice")
    return names


def _tensor(path: Path, name: str, entry: Any, data: int) -> TensorHeader:
    try:
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        is_whole = isinstance(dtype, str) and all(type(number) is int and number >= 0 for number in (*shape, start, end))
    except (TypeError, KeyError, ValueError):
        raise InputError(
            f"{path}: tensor {name!r} is described by {str(entry)[:80]}; dtype, shape and data_offsets were expected"
        ) from None
    if not is_whole:
        raise InputError(f"{path}: tensor {name!r}: dtype is a name, shape and data_offsets whole numbers from 0 on, got {str(entry)[:80]}")
    if dtype not in ITEM_BITS:
        raise InputError(f"{path}: tensor {name!r} has dtype {dtype!r}; known are {', '.join(sorted(ITEM_BITS))}")
    if not _is_countable(shape):
        raise InputError(f"{path}: tensor {name!r} has a shape of more numbers than 64 bits can count: {str(list(shape[:4]))[:80]} ...")
    expected = math.prod(shape) * ITEM_BITS[dtype] // 8
    if end - start != expected:
        raise InputError(f"{path}: tensor {name!r}: {dtype} {list(shape)} takes {expected} bytes, its data_offsets hold {end - start}")
    return TensorHeader(name, dtype, shape, path, data + start, data + end)


def _is_countable(shape: tuple[int, ...]) -> bool:
    """Whether no product on the way reaches 64 bits: the reference implementation ends with an error there."""
    count = 1
    for size in shape:
        count *= size
        if max(count, size) >= 1 << 64:
            return False
    return True


def _check_layout(path: Path, tensors: dict[str, TensorHeader], data: int, size: int) -> None:
    """The tensors fill the file without holes or overlaps, so a torn file is seen from its header."""
    position = data
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.end)):
        if tensor.start != position:
            raise InputError(f"{path}: tensor {tensor.name!r} begins at byte {tensor.start}, {position} was expected: a hole or an overlap")
        position = tensor.end
    if position != size:
        raise InputError(f"{path}: has {size} bytes, its header describes {position}: cut off, or with something behind it")
