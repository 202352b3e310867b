"""Which of many sketches are superfluous: exact copies first, then near ones, then those that mean the same.

    found = cluster(table, Limits(near=0.8))
    found[17]                                 # Finding("near-duplicate", 4): row 17 goes, row 4 stays

Rows are looked at from the best to the worst, and a row goes where a row that *stays* is like it: no chain of likenesses drops
anything, and neither the order of the rows nor the number of their shards decides. The best is what the reference holds, then the lowest
rank (verdict, length), then the first by id, then by key.

Near rows are proposed by bands: as many slots a band as still find a pair at the threshold with RECALL, so that few pairs below it
are looked at. What bands propose is checked by whole signatures.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nemoflow.curate.signatures import PERMUTATIONS, Signatures
from nemoflow.curate.table import Table
from nemoflow.curate.words import U64, Integers, mix

RECALL = 0.995
"""Share of the pairs exactly at the threshold that share a band."""
BLOCK = 65_536
"""Rows whose signatures are in memory at once."""
VECTOR_BLOCK = 1024
"""Rows that are compared at once by meaning."""

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """From which likeness rows are the same; None where that way is not asked for."""

    near: float | None = None
    """Share of common word triples (Jaccard, estimated)."""
    semantic: float | None = None
    """Cosine of the embeddings."""


@dataclass(frozen=True)
class Finding:
    """Why a row goes, and the row that stays for it."""

    reason: str
    kept: int


def cluster(table: Table, limits: Limits) -> dict[int, Finding]:
    """Findings by the row that goes. Rows of the reference never go."""
    order = table.order()
    found = _exact(table, order)
    left = [row for row in order if row not in found and table.has_text(row)]
    if limits.near is not None:
        found |= _near(table, np.array(left, dtype=np.int64), limits.near)
        left = [row for row in left if row not in found]
    if limits.semantic is not None:
        for rows in _groups(table, left):
            found |= _semantic(table, rows, limits.semantic)
    return {row: _told(table, finding) for row, finding in found.items() if not table.is_reference[row]}


def _told(table: Table, finding: Finding) -> Finding:
    return Finding(f"in-reference-{finding.reason}", finding.kept) if table.is_reference[finding.kept] else finding


def _exact(table: Table, order: list[int]) -> dict[int, Finding]:
    best: dict[tuple[int, bytes], int] = {}
    found: dict[int, Finding] = {}
    for row in order:
        if table.has_text(row):
            kept = best.setdefault((table.groups[row], table.digests[row]), row)
            if kept != row:
                found[row] = Finding("exact-duplicate", kept)
    return found


def banding(threshold: float) -> tuple[int, int]:
    """Bands and slots a band: the longest bands that find pairs at the threshold with RECALL."""
    for slots in range(16, 1, -1):
        bands = PERMUTATIONS // slots
        if 1 - (1 - threshold**slots) ** bands >= RECALL:
            return bands, slots
    return PERMUTATIONS, 1


def _near(table: Table, rows: Integers, threshold: float) -> dict[int, Finding]:
    """`rows` from the best to the worst."""
    if len(rows) < 2:
        return {}
    bands, slots = banding(threshold)
    keys = _band_keys(table, rows, bands, slots)
    shared = _shared(keys)
    kept: dict[tuple[int, int], list[int]] = defaultdict(list)
    found: dict[int, Finding] = {}
    for place in np.flatnonzero(shared.any(axis=1)):
        row = int(rows[place])
        buckets = [(int(band), int(keys[place, band])) for band in np.flatnonzero(shared[place])]
        rivals = sorted({rival for bucket in buckets for rival in kept.get(bucket, ())})
        nearest = _nearest(table, row, [int(rows[rival]) for rival in rivals], threshold)
        if nearest is None:
            for bucket in buckets:
                kept[bucket].append(int(place))
        else:
            found[row] = Finding("near-duplicate", nearest)
    return found


def _nearest(table: Table, row: int, rivals: list[int], threshold: float) -> int | None:
    """The best of the rivals that is near, None where none is."""
    rivals = [rival for rival in rivals if table.groups[rival] == table.groups[row]]
    if not rivals:
        return None
    agreeing = (table.signatures(rivals) == table.signatures([row])).sum(axis=1)
    near = np.flatnonzero(agreeing >= math.ceil(threshold * PERMUTATIONS))
    return rivals[int(near[0])] if len(near) else None


def _band_keys(table: Table, rows: Integers, bands: int, slots: int) -> npt.NDArray[np.uint32]:
    """Shape (rows, bands): a hash of the group and of the band's slots."""
    keys = np.empty((len(rows), bands), dtype=np.uint32)
    groups = np.array(table.groups, dtype=np.uint64)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        signatures: Signatures = table.signatures(block)
        for band in range(bands):
            hashed: U64 = groups[block] + np.uint64(band)
            for slot in range(band * slots, (band + 1) * slots):
                hashed = mix(hashed ^ signatures[:, slot].astype(np.uint64))
            keys[start : start + BLOCK, band] = (hashed >> np.uint64(32)).astype(np.uint32)
    return keys


def _shared(keys: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Whether another row has the same key in that band."""
    shared = np.zeros(keys.shape, dtype=bool)
    for band in range(keys.shape[1]):
        order = np.argsort(keys[:, band], kind="stable")
        ranked = keys[order, band]
        same = ranked[1:] == ranked[:-1]
        shared[order[1:], band] = same
        shared[order[:-1], band] |= same
    return shared


def _groups(table: Table, rows: list[int]) -> Iterator[list[int]]:
    """Rows of each group that has several, from the best to the worst."""
    groups: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        groups[table.groups[row]].append(row)
    return (found for found in groups.values() if len(found) > 1)


def _semantic(table: Table, rows: list[int], threshold: float) -> dict[int, Finding]:
    """Block by block from the best: against what was kept before, then within the block."""
    found: dict[int, Finding] = {}
    kept_rows: list[int] = []
    kept: Vectors = np.empty((0, table.dimensions), dtype=np.float32)
    for start in range(0, len(rows), VECTOR_BLOCK):
        block = rows[start : start + VECTOR_BLOCK]
        vectors = table.vectors(block)
        to_kept = _first_like(vectors, kept, threshold)
        within = vectors @ vectors.T >= threshold
        stays = np.zeros(len(block), dtype=bool)
        for place, row in enumerate(block):
            if to_kept[place] >= 0:
                found[row] = Finding("semantic-duplicate", kept_rows[to_kept[place]])
            elif (likes := np.flatnonzero(within[place, :place] & stays[:place])).size:
                found[row] = Finding("semantic-duplicate", block[int(likes[0])])
            else:
                stays[place] = True
        kept = np.concatenate((kept, vectors[stays]))
        kept_rows += [row for row, stay in zip(block, stays, strict=True) if stay]
    return found


def _first_like(vectors: Vectors, kept: Vectors, threshold: float) -> Integers:
    """Per vector the first kept one that is like it, -1 where none is."""
    first = np.full(len(vectors), -1, dtype=np.int64)
    for start in range(0, len(kept), BLOCK):
        open_ = np.flatnonzero(first < 0)
        likes = vectors[open_] @ kept[start : start + BLOCK].T >= threshold
        hit = likes.any(axis=1)
        first[open_[hit]] = start + likes[hit].argmax(axis=1)
    return first
