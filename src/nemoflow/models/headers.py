"""Headers of safetensors files: names, dtypes and shapes of a model's tensors without torch and without reading the weights.

A file is eight bytes with the header's length, the header (JSON), then the tensors' bytes. The 63 GB of a 30 B model are
checked in milliseconds this way, and a hostile length or offset is refused before memory is given to it.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemoflow.errors import InputError

MAX_HEADER_BYTES = 100_000_000
"""The limit of the format's reference implementation; 12,010 LoRA tensors take 1.6 MB."""

INDEX = "model.safetensors.index.json"

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
    """Tensors of a model's folder: one `model.safetensors`, or the shards that its index names."""
    tensors: dict[str, TensorHeader] = {}
    for path in _files(folder):
        for name, tensor in read_header(path).items():
            if name in tensors:
                raise InputError(f"{path}: tensor {name!r} is also in {tensors[name].file.name}; a model holds each tensor once")
            tensors[name] = tensor
    return tensors


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model's folder."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; a model's folder holds config.json, safetensors and a tokenizer") from None
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise InputError(f"{path}: has no model_type, such as 'nemotron_h'")
    return config


def _files(folder: Path) -> list[Path]:
    index = folder / INDEX
    if index.exists():
        try:
            names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InputError(f"{index}: not a safetensors index with a weight_map: {error!r}") from None
        outside = [name for name in names if not isinstance(name, str) or Path(name).name != name]
        if outside:
            raise InputError(f"{index}: names {outside[0]!r}, which is not a file beside it")
        return [folder / name for name in names]
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        raise InputError(f"{folder}: holds no safetensors file; a model's weights were expected here")
    return found


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
