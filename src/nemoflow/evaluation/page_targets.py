"""The page's part about what the adapter could learn at all: which modules of the model it changes, and which it leaves alone."""

from collections.abc import Mapping
from typing import Any

from nemoflow.evaluation.markup import facts, section, table, text
from nemoflow.evaluation.report import Evidence

NEEDED = ("kinds", "missed", "layers", "layers_reached", "trained", "rank", "parameters", "model_type", "share")
"""What the page reads of `targets.json`."""


def targets_section(evidence: Evidence) -> str:
    """A row for each kind of module, as `nemoflow doctor model` prints them; empty where the training did not write them down."""
    targets = evidence.targets
    if not targets:
        return ""
    rows = [_row(kind) for kind in targets["kinds"]]
    heads = ("module", "trained", "shape", "adapter", "base", "")
    missed = "".join(f"<li>{count:,} blocks {text(kind)} get no adapter</li>" for kind, count in targets["missed"].items())
    return section(
        "What the adapter changes",
        facts(
            (
                ("layers", f"{targets['layers_reached']:,} of {targets['layers']:,}"),
                ("adapter", f"{targets['trained']:,} parameters at rank {targets['rank']}"),
                ("base", f"{targets['parameters']:,} parameters of {text(targets['model_type'])}"),
                ("share", f"{100 * targets['share']:.3g} %"),
            )
        ),
        table(heads, rows, numbers=(1, 2, 3, 4), label="Modules of the model and what is trained of them"),
        f'<ul class="warnings">{missed}</ul>' if missed else "",
        lead="Told from the model's headers before a weight was read.",
    )


def _row(kind: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"<code>{text(kind['kind'])}</code>",
        f"{kind['matched']:,} of {kind['modules']:,}",
        "&times;".join(f"{size:,}" for size in kind["shape"]),
        f"{kind['trained']:,}" if kind["trained"] else "",
        f"{kind['parameters']:,}",
        text(FATES.get(kind["fate"], kind["fate"])),
    )


FATES = {"trained": "", "left": "left as it is", "refused": "refused by PEFT", "no module": "3-D parameter, left as it is"}
