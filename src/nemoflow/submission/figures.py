"""Figures for people to read, each from the manifest of the node that made it; what has no manifest is left out, and said to be.

A manifest is read as JSON values, as a step is handed it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Manifest = Mapping[str, Any]
FINGERPRINT = 12


@dataclass(frozen=True)
class Figure:
    """One figure, and which node says so."""

    part: str
    """What it is about: `training`, `evaluation` ..."""
    label: str
    value: str
    source: str
    """RUN/NODE and the fingerprint of its result."""


@dataclass(frozen=True)
class Figures:
    """All that is known, and what is not."""

    found: Sequence[Figure]
    left_out: Sequence[str]
    """One sentence for each part without figures."""

    def of(self, part: str) -> list[Figure]:
        """The figures of one part."""
        return [figure for figure in self.found if figure.part == part]


@dataclass(frozen=True)
class _Part:
    name: str
    read: Callable[[Manifest], Iterator[tuple[str, str]]]


def figures(manifests: Mapping[str, Manifest | None], wanted: Sequence[str] = ()) -> Figures:
    """What manifests say, by the role of each (`adapter`, `trained`, `report`, `base`, `corpus`, `gate`, `submission`).

    Of the `wanted` roles (all where none is named) those without a manifest, and those that were skipped, are left out with a reason.
    An adapter that was reinforced has the figures of that, and its role `trained` those of the training before.
    """
    found: list[Figure] = []
    left_out: list[str] = []
    for role, part in _parts(manifests, wanted or tuple(PARTS)):
        manifest = manifests.get(role)
        if manifest is None:
            left_out.append(f"{part.name}: no manifest was at hand")
        elif manifest.get("status") == "skipped":
            left_out.append(f"{part.name}: {manifest.get('reason') or 'skipped'}")
        else:
            found += [Figure(part.name, label, value, source(manifest)) for label, value in part.read(manifest)]
    return Figures(found, left_out)


def is_reinforced(manifest: Manifest | None) -> bool:
    """Whether an adapter's last node is `reinforce`."""
    return manifest is not None and manifest.get("step") == "reinforce"


def _parts(manifests: Mapping[str, Manifest | None], wanted: Sequence[str]) -> Iterator[tuple[str, _Part]]:
    """Each role and what is told of it."""
    for role in wanted:
        if role == "adapter" and is_reinforced(manifests.get(role)):
            yield "trained", PARTS[role]
            yield role, _Part("reinforcement", _reinforcement)
        else:
            yield role, PARTS[role]


def source(manifest: Manifest) -> str:
    """Which node of which run, and its result."""
    return f"{manifest['run']}/{manifest['node']} {str(manifest['fingerprint'])[:FINGERPRINT]}"


def percent(share: float) -> str:
    """`61.2 %`."""
    return f"{100 * share:.1f} %"


def _training(manifest: Manifest) -> Iterator[tuple[str, str]]:
    metrics, config = manifest["metrics"], manifest["config"]
    yield from _plain(metrics, rows="rows learned", tokens="tokens learned", steps="steps", trainable="trained parameters")
    if "loss" in metrics:
        yield "loss at the end", f"{metrics['loss']:.4f}"
    yield from _plain(config, r="rank", alpha="alpha", epochs="epochs", learning_rate="learning rate", max_length="longest row, tokens")
    yield from _plain(config, precision="arithmetic", quantization="base held in")
    if manifest.get("engines"):
        yield "versions", ", ".join(f"{name} {version}" for name, version in sorted(manifest["engines"].items()))


def _reinforcement(manifest: Manifest) -> Iterator[tuple[str, str]]:
    metrics, config = manifest["metrics"], manifest["config"]
    yield from _plain(metrics, steps="steps", rollouts="responses drawn")
    for name, label in (("reward", "reward"), ("right", "share right")):
        if {name, f"{name}_at_start"} <= set(metrics):
            yield f"{label}, from start to end", f"{metrics[f'{name}_at_start']:.3f} to {metrics[name]:.3f}"
    kinds = config.get("kinds") or {}
    yield "asked", "puzzles: " + ", ".join(sorted(kinds)) if kinds else "the run's own problems"
    yield from _plain(config, prompts="problems a step", samples="responses a problem", max_new_tokens="new tokens at most")
    yield from _plain(config, learning_rate="learning rate", beta="weight of the KL penalty")
    yield from _plain(config, precision="arithmetic", quantization="base held in")


def _evaluation(manifest: Manifest) -> Iterator[tuple[str, str]]:
    metrics, config = manifest["metrics"], manifest["config"]
    each = config.get("samples", 1) * config.get("repeats", 1)
    if {"accuracy", "low", "high", "problems"} <= set(metrics):
        interval = f"{percent(metrics['low'])} to {percent(metrics['high'])}"
        asked = f"{metrics['problems']:,} {'problems' if each == 1 else 'responses'}"
        yield "accuracy", f"{percent(metrics['accuracy'])} of {asked} (95 %: {interval})"
    for name, value in metrics.items():
        if name.startswith("accuracy_"):
            yield f"accuracy, {name.removeprefix('accuracy_')}", percent(value)
    yield from _plain(metrics, truncated="responses cut off", no_box="responses without a box")
    yield "responses to each problem", f"{each:,}"
    yield "temperature", f"{config.get('temperature', 0.0):g}"
    yield from _plain(config, metric="metric", max_new_tokens="new tokens at most")


def _corpus(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for name, output in manifest["outputs"].items():
        rows = [file["rows"] for file in output["files"] if file.get("rows") is not None]
        if rows:
            yield f"rows of {name}", f"{sum(rows):,}"
    if manifest.get("rows_in"):
        yield "traces to choose from", f"{manifest['rows_in']:,}"
    for reason, count in sorted(manifest.get("dropped", {}).items()):
        yield f"dropped, {reason}", f"{count:,}"


def _gate(manifest: Manifest) -> Iterator[tuple[str, str]]:
    metrics = manifest["metrics"]
    if {"gain", "low", "high"} <= set(metrics):
        interval = (
            f"95 %: {metrics['low']:+.2f} to {metrics['high']:+.2f}"
            if metrics["low"] < metrics["high"]
            else "all changed alike: no interval"
        )
        yield "gain over the base, points", f"{metrics['gain']:+.2f} ({interval})"
    if "passed" in metrics:
        yield "gate", "passed" if metrics["passed"] else "refused"


def _submission(manifest: Manifest) -> Iterator[tuple[str, str]]:
    names = {"parameters": "parameters", "tensors": "tensors", "dead_modules": "modules that change nothing", "bytes": "bytes of the zip"}
    yield from _plain(manifest["metrics"], **names)


def _plain(values: Mapping[str, Any], **labels: str) -> Iterator[tuple[str, str]]:
    for name, label in labels.items():
        if (value := values.get(name)) is not None:
            yield label, f"{value:,}" if type(value) is int else f"{value:g}" if isinstance(value, float) else str(value)


PARTS = {
    "adapter": _Part("training", _training),
    "report": _Part("evaluation of the adapter", _evaluation),
    "base": _Part("evaluation of the base", _evaluation),
    "gate": _Part("gate", _gate),
    "corpus": _Part("corpus", _corpus),
    "submission": _Part("submission", _submission),
}
