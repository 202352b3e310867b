"""What of a run becomes the adapter, and its files: the last state, the one of the lowest held-out loss, or the mean of the last few."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from nemoflow.training.averaging import mean_of
from nemoflow.training.snapshots import Snapshots, put_back, trained
from nemoflow.training.targets import TargetReport
from nemoflow.training.watch import best_step


@dataclass(frozen=True)
class Chosen:
    """A state of the adapter, and the others that are worth keeping."""

    weights: Mapping[str, Any]
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`last`, `best`: states that were not chosen, by name."""
    lines: list[str] = field(default_factory=list)
    """The same for a reader."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """The same for a manifest."""


def choose(
    model: Any, snapshots: Snapshots, log: Sequence[dict[str, Any]], keep: Literal["last", "best"], averaged: Sequence[int], rank: int
) -> Chosen:
    """The recipe's choice among the states of a finished run: the mean where steps to average are named, else last or best."""
    last = trained(model)
    best, held = best_step(log), {row["step"]: row["held_out_loss"] for row in log if "held_out_loss" in row}
    states: dict[str, Mapping[str, Any]] = {"last": last}
    lines: list[str] = []
    figures: dict[str, float] = {}
    if best is not None:
        end = int(log[-1]["step"])
        if best != end:
            states["best"] = snapshots.load(best)
        lines.append(f"held-out loss {held[end]:.4f} at the end, {held[best]:.4f} at its best after step {best}")
        figures |= {"held_out_loss": held[end], "best_held_out_loss": held[best], "best_step": best}
    if averaged:
        mean = mean_of([snapshots.load(step) for step in averaged], rank)
        states["mean"] = mean.weights
        named = ", ".join(map(str, averaged))
        lines.append(f"the adapter is the mean of its states after steps {named}; rank {rank} holds {1 - mean.left_out:.2%} of it")
        figures["averaging_left_out"] = mean.left_out
    chosen = "mean" if averaged else keep if keep in states else "last"
    others = {name: state for name, state in states.items() if name != chosen}
    return Chosen(states[chosen], others, lines, figures)


def write_adapter(
    model: Any, chosen: Chosen, base_name: str, report: TargetReport, log: Sequence[dict[str, float]], out: Path, others: Path | None
) -> None:
    """The adapter as PEFT reads it, without anything that names a machine or a time; what was not chosen goes to folders of `others`."""
    if others is not None:
        for name, weights in chosen.others.items():
            put_back(model, dict(weights))
            _write(model, base_name, report, others / name)
    put_back(model, dict(chosen.weights))
    _write(model, base_name, report, out)
    (out / "log.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in log))
    (out / "trainable.json").write_bytes(orjson.dumps(report.to_json(), option=orjson.OPT_INDENT_2))


def _write(model: Any, base_name: str, report: TargetReport, out: Path) -> None:
    from nemoflow.models.expert_lora import save_adapter

    save_adapter(model, out)
    (out / "README.md").unlink(missing_ok=True)
    path = out / "adapter_config.json"
    config = orjson.loads(path.read_bytes()) | {"base_model_name_or_path": base_name, "target_modules": report.targets}
    path.write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
