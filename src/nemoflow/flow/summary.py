"""A run in one sentence."""

from collections.abc import Iterable

from nemoflow.flow.manifest import Manifest
from nemoflow.flow.place import read_manifest
from nemoflow.store import Store


def nodes_of(store: Store, run: str) -> list[str]:
    """Names of a run's nodes that were begun, sorted."""
    return sorted({entry.key.split("/")[2] for entry in store.list(f"runs/{run}") if entry.key.count("/") >= 3})


def summarize(store: Store, run: str) -> str:
    """What a run's steps came to; empty where none is done, or some are not."""
    manifests = [read_manifest(store, run, node) for node in nodes_of(store, run)]
    return "" if None in manifests else in_words([manifest for manifest in manifests if manifest])


def in_words(manifests: Iterable[Manifest]) -> str:
    """How much of finished work was new."""
    reused = [manifest.reused_from is not None for manifest in manifests]
    if not reused:
        return ""
    if all(reused):
        return f"nothing changed: all {len(reused)} steps reused"
    return (
        f"{len(reused) - sum(reused)} steps ran, {sum(reused)} were reused" if any(reused) else f"{len(reused)} steps ran, none was reused"
    )
