"""Past: how long nodes of these names took before, for estimates. What is read are the manifests under a root, nothing else."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from nemoflow.flow.manifest import Manifest, node_key
from nemoflow.flow.place import list_runs, read_manifest
from nemoflow.store import Store

RUNS = 30
"""As many runs are looked at, the last by name: a bucket may hold thousands."""
PART = re.compile(r"/manifest-\d+-of-(\d+)\.json$")


@dataclass(frozen=True)
class Done:
    """A node's work as it was done once."""

    manifest: Manifest
    shards: int

    @property
    def seconds(self) -> float:
        """Of one of its shards, on average."""
        return self.manifest.seconds / self.shards


Past = Mapping[str, tuple[Done, ...]]
"""What was done, by the name of the node."""


def read_past(store: Store, nodes: Iterable[str], runs: int = RUNS) -> dict[str, tuple[Done, ...]]:
    """Finished work of nodes, in as many runs; what was reused took no time and is left out."""
    wanted = tuple(nodes)
    found: dict[str, list[Done]] = {node: [] for node in wanted}
    for run in list_runs(store)[-runs:]:
        for node in wanted:
            manifest = read_manifest(store, run, node)
            if manifest is not None and manifest.status == "done" and manifest.reused_from is None:
                found[node].append(Done(manifest, _shards(store, run, node)))
    return {node: tuple(done) for node, done in found.items()}


def _shards(store: Store, run: str, node: str) -> int:
    counts = [int(match[1]) for entry in store.list(node_key(run, node)) if (match := PART.search(entry.key))]
    return max(counts, default=1)


def typical(done: Iterable[Done]) -> float | None:
    """Seconds of a shard: the median; None where it was never done."""
    seconds = [each.seconds for each in done]
    return median(seconds) if seconds else None
