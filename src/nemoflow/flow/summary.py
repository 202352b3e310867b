"""A run in one sentence."""

from collections.abc import Sequence

from nemoflow.flow.place import read_manifest
from nemoflow.store import Store


def nodes_of(store: Store, run: str) -> list[str]:
    """Names of a run's nodes that were begun, sorted."""
    return sorted({entry.key.split("/")[2] for entry in store.list(f"runs/{run}") if entry.key.count("/") >= 3})


def summarize(store: Store, run: str) -> str:
    """What a run's steps came to; empty where one is not done."""
    manifests = [read_manifest(store, run, node) for node in nodes_of(store, run)]
    return "" if None in manifests else in_words([manifest.reused_from is not None for manifest in manifests if manifest])


def in_words(reused: Sequence[bool]) -> str:
    """How much of finished work was new; a flag a step."""
    if reused and all(reused):
        return f"nothing changed: all {len(reused)} steps reused"
    return f"{reused.count(False)} of {len(reused)} steps done by this run, {reused.count(True)} reused from others" if reused else ""
