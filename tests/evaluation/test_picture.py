"""Drawings as PNG, read back by what reads PNG."""

import struct
import zlib

import numpy as np

from nemoflow.evaluation.charts_training import curves_svg
from nemoflow.evaluation.picture import ZOOM, png_of

LOG = [{"step": step, "loss": 4 / step, "learning_rate": 3e-3, "grad_norm": 1.0} for step in range(1, 200)]


def pixels(png: bytes) -> np.ndarray:
    """Height x width x 4 of an 8-bit RGBA file (PNG, section 9: each line is a filter's number and its bytes)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, data = 8, b""
    width = height = 0
    while place < len(png):
        (size,) = struct.unpack(">I", png[place : place + 4])
        kind, body = png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth, colour) == (8, 6)
        data += body if kind == b"IDAT" else b""
        place += 12 + size
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + 4 * width)
    image = np.zeros((height, width, 4), np.int64)
    for row, line in enumerate(lines):
        image[row] = _unfiltered(
            int(line[0]), line[1:].reshape(width, 4).astype(np.int64), image[row - 1] if row else np.zeros((width, 4), np.int64)
        )
    return image


def _unfiltered(kind: int, line: np.ndarray, above: np.ndarray) -> np.ndarray:
    if kind in (0, 2):
        return (line + (above if kind else 0)) % 256
    out = np.zeros_like(line)
    left = corner = np.zeros(4, np.int64)
    for at, value in enumerate(line):
        up = above[at]
        guess = {1: left, 3: (left + up) // 2, 4: _paeth(left, up, corner)}[kind]
        out[at] = left = (value + guess) % 256
        corner = up
    return out


def _paeth(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    near = left + up - corner
    a, b, c = abs(near - left), abs(near - up), abs(near - corner)
    return np.where((a <= b) & (a <= c), left, np.where(b <= c, up, corner))


def test_a_picture_is_the_drawing_in_its_size_on_white_with_its_lines_and_letters():
    image = pixels(png_of(curves_svg(LOG)))
    assert image.shape == (432 * ZOOM, 400 * ZOOM, 4)
    assert (image[..., 3] == 255).all(), "nothing shines through"
    assert (image[-1] == 255).all()
    line = (abs(image[..., :3] - np.array([0x0B, 0x7A, 0x55])).max(axis=-1) < 12).sum()
    assert line > 1000, "the curve"
    heading = image[: 16 * ZOOM, 48 * ZOOM : 80 * ZOOM, 0]
    assert (heading < 100).sum() > 100, "the word loss"


def test_the_same_drawing_is_the_same_picture():
    assert png_of(curves_svg(LOG)) == png_of(curves_svg(LOG))
