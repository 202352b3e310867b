"""An adapter's files, in a folder or a zip from anywhere: found, and unpacked only where that harms nothing.

The scorer unpacks a zip and takes the first folder that holds an `adapter_config.json`. Nothing of a zip is trusted: names, sizes,
links and checksums are looked at before a byte is written, and only the config and the weights are unpacked, into a folder of their own.
"""

import errno
import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from nemoflow.errors import InputError, StoreError
from nemoflow.submission.config_rules import CONFIG
from nemoflow.submission.rules import Finding, found

WEIGHTS = "adapter_model.safetensors"
PICKLES = ("adapter_model.bin", "adapter_model.pt")
LIMIT_BYTES = 1_500_000_000
"""Upload limit by one competitor's figure."""
REFUSED_BYTES = 3 << 30
"""A zip of this size was not taken."""
MAX_UNPACKED = 8 << 30
"""All experts of the 30 B model at rank 32 in F32 take 3.6 GB."""
MAX_RATIO = 200
"""Weights hardly shrink; zeros shrink a thousandfold."""
MAX_NAMES = 100_000
CHUNK = 1 << 22
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_SHARD = re.compile(r"adapter_model-\d+-of-\d+\.safetensors")


@dataclass(frozen=True)
class AdapterFiles:
    """What was found."""

    config: Path | None
    weights: tuple[Path, ...]
    """One file, or shards."""
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Chosen:
    """The adapter among many names."""

    config: str | None
    weights: tuple[str, ...]
    findings: tuple[Finding, ...]


@contextmanager
def open_adapter(path: Path) -> Iterator[AdapterFiles]:
    """The files of a folder or a zip; InputError where there is neither."""
    if path.is_dir():
        yield _of_folder(path)
        return
    if not path.is_file():
        raise InputError(f"{path}: no such folder or zip; an adapter as PEFT saves it was expected")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: is no zip, or a torn one; a folder as PEFT saves it, or a zip of one, was expected")
    with tempfile.TemporaryDirectory(prefix="nemoflow-adapter-") as room:
        try:
            files = _of_zip(path, Path(room))
        except OSError as error:
            if error.errno not in FULL:
                files = AdapterFiles(None, (), (found("zip-broken", path.name, str(error)),))
            else:
                raise StoreError(f"{path}: could not be unpacked to {room}: {error}; TMPDIR names another folder") from error
        yield files


def choose(names: Sequence[str], is_zip: bool) -> Chosen:
    """The adapter's config and weights among all names of a folder or zip."""
    configs = sorted((name for name in names if _last(name) == CONFIG), key=lambda name: (name.count("/"), name))
    if not configs:
        return Chosen(None, (), (found("no-config", CONFIG, _held(names)),))
    findings = []
    if len(configs) > 1:
        rule = "more-adapters" if not is_zip and configs[0] == CONFIG else "many-adapters"
        findings.append(found(rule, configs, f"{len(configs)} of them"))
    folder = configs[0].removesuffix(CONFIG)
    if folder:
        findings.append(found("nested", configs[0], f"lies in {folder}"))
    beside = {name.removeprefix(folder) for name in names if name.startswith(folder) and "/" not in name.removeprefix(folder)}
    weights, problem = _weights(beside)
    findings += problem
    findings += _extras([name for name in names if name not in {*configs, *(folder + name for name in weights)}])
    return Chosen(configs[0], tuple(folder + name for name in weights), tuple(findings))


def _weights(beside: set[str]) -> tuple[list[str], list[Finding]]:
    if WEIGHTS in beside:
        pickles = sorted(beside & set(PICKLES))
        return [WEIGHTS], [found("pickle-aside", pickles, f"beside {WEIGHTS}")] if pickles else []
    if shards := sorted(name for name in beside if _SHARD.fullmatch(name)):
        return shards, [found("sharded", shards, f"{len(shards)} shards")]
    if pickles := sorted(beside & set(PICKLES)):
        return [], [found("pickle", pickles, f"there is no {WEIGHTS}")]
    return [], [found("no-weights", WEIGHTS, _held(sorted(beside)))]


def _extras(names: Sequence[str]) -> Iterator[Finding]:
    zips = [name for name in names if name.lower().endswith((".zip", ".tar", ".gz", ".7z"))]
    if zips:
        yield found("inner-zip", zips, "an archive within")
    others = [name for name in names if name not in zips and _last(name) not in PICKLES]
    if others:
        yield found("extra-files", others, f"{len(others)} beside the config and the weights")


def _of_folder(folder: Path) -> AdapterFiles:
    chosen = choose(list(_listed(folder)), is_zip=False)
    odd = [name for name in (chosen.config, *chosen.weights) if name and not (folder / name).is_file()]
    if odd:
        return AdapterFiles(None, (), (*chosen.findings, found("no-file", odd, "a folder, a pipe or a link to nowhere")))
    weights = tuple(folder / name for name in chosen.weights)
    size = sum(path.stat().st_size for path in weights)
    large = [found("size", chosen.weights, f"{size:,} bytes before zipping")] if size > LIMIT_BYTES else []
    return AdapterFiles(folder / chosen.config if chosen.config else None, weights, (*chosen.findings, *large))


def _listed(folder: Path) -> Iterator[str]:
    count = 0
    for root, _, files in os.walk(folder):
        for name in files:
            count += 1
            if count > MAX_NAMES:
                raise InputError(f"{folder}: holds more than {MAX_NAMES:,} files; the adapter's own folder was expected")
            yield (Path(root) / name).relative_to(folder).as_posix()


def _of_zip(path: Path, room: Path) -> AdapterFiles:
    try:
        with zipfile.ZipFile(path) as zipped:
            entries = zipped.infolist()
            hostile = list(_hostile(entries))
            chosen = choose([entry.filename for entry in entries if not entry.is_dir() and _is_inside(entry.filename)], is_zip=True)
            findings = [*hostile, *_large(path.stat().st_size), *chosen.findings]
            if chosen.config is None or any(finding.rule != "zip-path" for finding in hostile):
                return AdapterFiles(None, (), tuple(findings))
            return AdapterFiles(
                _unpack(zipped, chosen.config, room), tuple(_unpack(zipped, name, room) for name in chosen.weights), tuple(findings)
            )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        return AdapterFiles(None, (), (found("zip-broken", path.name, str(error) or type(error).__name__),))


def _hostile(entries: Sequence[zipfile.ZipInfo]) -> Iterator[Finding]:
    outside = [entry.filename for entry in entries if not _is_inside(entry.filename)]
    if outside:
        yield found("zip-path", outside, repr(outside[0]))
    links = [entry.filename for entry in entries if not _is_plain(entry)]
    if links:
        yield found("zip-link", links, "no regular file")
    locked = [entry.filename for entry in entries if entry.flag_bits & 1]
    if locked:
        yield found("zip-encrypted", locked, "encrypted")
    twice = [name for name, count in Counter(entry.filename for entry in entries).items() if count > 1]
    if twice:
        yield found("zip-twice", twice, "two entries of one name")
    yield from _bombs(entries)
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    for one, other in pairwise(ordered):
        if one.header_offset + one.compress_size > other.header_offset:
            yield found("zip-broken", [one.filename, other.filename], "two entries share bytes")
            return


def _bombs(entries: Sequence[zipfile.ZipInfo]) -> Iterator[Finding]:
    unpacked, packed = sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries)
    if len(entries) > MAX_NAMES:
        yield found("zip-bomb", entries[0].filename, f"{len(entries):,} entries")
    elif unpacked > MAX_UNPACKED or (unpacked > 100_000_000 and unpacked > MAX_RATIO * packed):
        largest = max(entries, key=lambda entry: entry.file_size)
        yield found("zip-bomb", largest.filename, f"{packed:,} bytes unpack to {unpacked:,}")


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return kind in (0, stat.S_IFREG) or (kind == stat.S_IFDIR and entry.is_dir())


def _is_inside(name: str) -> bool:
    return not (name.startswith("/") or "\\" in name or "\0" in name or re.match(r"[A-Za-z]:", name) or ".." in PurePosixPath(name).parts)


def _large(size: int) -> Iterator[Finding]:
    if size > LIMIT_BYTES:
        yield found("size", "the zip", f"{size:,} bytes", severity="refused" if size >= REFUSED_BYTES else "risk")


def _unpack(zipped: zipfile.ZipFile, name: str, room: Path) -> Path:
    target = room / _last(name)
    with zipped.open(name) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, CHUNK)
    return target


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _held(names: Sequence[str]) -> str:
    if "config.json" in names and any(_last(name).startswith("model") and name.endswith(".safetensors") for name in names):
        return "missing; this is a whole model"
    shown = ", ".join(list(names)[:6]) + (", ..." if len(names) > 6 else "")
    return f"missing; there is {shown or 'nothing'}"
