"""What the manifests of a run say: which steps ran, with what, for how long, what they dropped and what they cost.

A manifest is read as JSON values (`run`, `node`, `step`, `fingerprint`, `inputs`, `outputs`, `metrics`, `dropped`, ...),
so a report can be made of any run whose manifests are at hand.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_IN_A_RUN = re.compile(r"runs/[^/]+/[^/]+/[^/]+$")

Manifest = Mapping[str, Any]

TOKENS = ("prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class StepFact:
    """One node of the run, out of its manifest."""

    manifest: Manifest

    @property
    def node(self) -> str:
        """Its name in the pipeline."""
        return str(self.manifest["node"])

    @property
    def step(self) -> str:
        """The step it runs, with its version."""
        return f"{self.manifest['step']} v{self.manifest['version']}"

    @property
    def fate(self) -> str:
        """`ran`, `reused` or `skipped`."""
        if self.manifest.get("reused_from"):
            return "reused"
        return "skipped" if self.manifest.get("status") == "skipped" else "ran"

    @property
    def origin(self) -> str:
        """Where a reused result was first made; why a skipped one was skipped."""
        return str(self.manifest.get("reused_from") or self.manifest.get("reason") or "")

    @property
    def seconds(self) -> float:
        """How long it took in this run."""
        return float(self.manifest.get("seconds", 0.0))

    @property
    def rows_in(self) -> int:
        """Rows it read."""
        return int(self.manifest.get("rows_in", 0))

    @property
    def rows_out(self) -> dict[str, int]:
        """Rows of each output that has rows."""
        sizes = {
            name: [file.get("rows") for file in output.get("files", ()) if file.get("rows") is not None]
            for name, output in self.manifest.get("outputs", {}).items()
        }
        return {name: sum(rows) for name, rows in sizes.items() if rows}

    @property
    def dropped(self) -> dict[str, int]:
        """Rows it dropped, by reason, the most frequent first."""
        found = {reason: int(count) for reason, count in self.manifest.get("dropped", {}).items() if count}
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def tokens(self) -> dict[str, int]:
        """Prompt and completion tokens, where it counts them."""
        metrics = self.manifest.get("metrics", {})
        return {name: int(metrics[name]) for name in TOKENS if name in metrics}

    @property
    def fingerprint(self) -> str:
        """Identity of its result, shortened."""
        return str(self.manifest["fingerprint"])[:12]

    @property
    def inputs(self) -> dict[str, str]:
        """Address of each input; one of a run without the root, which says nothing on another machine."""
        addresses = {name: str(source["address"]) for name, source in self.manifest.get("inputs", {}).items()}
        return {name: address[found.start() :] if (found := _IN_A_RUN.search(address)) else address for name, address in addresses.items()}

    @property
    def engines(self) -> str:
        """Versions of what did the work."""
        return ", ".join(f"{name} {version}" for name, version in sorted(self.manifest.get("engines", {}).items()))

    def to_json(self) -> dict[str, Any]:
        """Its line in the summary."""
        return {
            "node": self.node,
            "step": self.step,
            "fate": self.fate,
            "seconds": round(self.seconds, 1),
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "dropped": self.dropped,
            "fingerprint": self.fingerprint,
        }


def steps_of(manifests: Iterable[Manifest | None]) -> list[StepFact]:
    """Each node once, in the order in which they were started; inputs from a URI have no manifest."""
    nodes = {(manifest["run"], manifest["node"]): manifest for manifest in manifests if manifest is not None}
    return [StepFact(manifest) for manifest in sorted(nodes.values(), key=lambda manifest: (manifest["started"], manifest["node"]))]
