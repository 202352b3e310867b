"""Safetensors files written by hand: sound ones, and ones that no library would write."""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "F64": 8}

Tensor = tuple[str, tuple[int, ...], bytes]


def numbers(dtype: str, shape: tuple[int, ...], value: float = 0.5) -> Tensor:
    """A tensor full of one number."""
    if dtype == "BF16":
        item = struct.pack("<f", value)[2:]
    else:
        item = struct.pack({"F32": "<f", "F16": "<e", "F64": "<d", "I64": "<q"}[dtype], int(value) if dtype == "I64" else value)
    return dtype, shape, item * math.prod(shape)


def encode(tensors: Mapping[str, Tensor]) -> bytes:
    """A whole file."""
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    return with_header(json.dumps(header).encode(), data)


def with_header(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def write(path: Path, tensors: Mapping[str, Tensor]) -> Path:
    path.write_bytes(encode(tensors))
    return path
