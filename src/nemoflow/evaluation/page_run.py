"""The page's parts about the run: what was dropped, what ran and what it cost, the zip, and where every result came from."""

from nemoflow.evaluation.facts import StepFact
from nemoflow.evaluation.markup import duration, facts, section, table, text
from nemoflow.evaluation.report import Evidence


def dropped_section(evidence: Evidence, examples: str) -> str:
    """What each step dropped and why; `examples` are dropped traces to read."""
    rows = [
        (
            text(step.node) if index == 0 else "",
            text(reason),
            f"{count:,}",
            f"{100 * count / step.rows_in:.1f} %" if step.rows_in else "",
        )
        for step in evidence.steps
        for index, (reason, count) in enumerate(step.dropped.items())
    ]
    heads = ("step", "reason", "rows", "of its input")
    counted = table(heads, rows, numbers=(2, 3), label="Dropped rows by step and reason") if rows else ""
    if not rows and not examples:
        counted = "<p>Nothing was dropped.</p>"
    return section("What was dropped, and why", counted, examples)


def run_section(evidence: Evidence) -> str:
    """The steps, and their sum in seconds and tokens."""
    ran = sum(step.fate == "ran" for step in evidence.steps)
    tokens = evidence.tokens
    cost = [("steps", f"{ran} ran, {len(evidence.steps) - ran} reused or skipped"), ("working time", duration(evidence.seconds))]
    for step in evidence.steps:
        if step.tokens:
            read, written = (step.tokens.get(name, 0) for name in tokens)
            read_part = f"{read:,} read, " if read else ""
            cost.append((f"tokens of {step.node}", f"{read_part}{written:,} written"))
    longest = max((step.seconds for step in evidence.steps), default=0.0)
    rows = [
        (
            text(step.node),
            f'<span class="bar" style="width:{_bar_width(step.seconds, longest):.1f}rem"></span>{duration(step.seconds)}',
            f"{step.rows_in:,}" if step.rows_in else "",
            _rows_out(step),
            _fate(step),
        )
        for step in evidence.steps
    ]
    heads = ("step", "time", "rows in", "rows out", "")
    return section("The run and its cost", facts(cost), table(heads, rows, numbers=(1, 2, 3), label="Steps of the run"))


def submission_section(evidence: Evidence) -> str:
    """The receipt of the zip."""
    receipt = evidence.receipt
    if receipt is None:
        return ""
    warnings = "".join(f"<li>{text(warning)}</li>" for warning in receipt["warnings"])
    return section(
        "The submission",
        facts(
            (
                ("archive", f"{text(receipt['archive'])}, {receipt['bytes']:,} bytes"),
                ("sha256", f"<code>{text(receipt['sha256'])}</code>"),
                ("adapter", f"rank {receipt['rank']}, scale {receipt['scale']:g}, {text(', '.join(receipt['dtypes']))}"),
                ("tensors", f"{receipt['tensors']:,} on {receipt['modules']:,} modules, {receipt['parameters']:,} parameters"),
                ("modules that learned nothing", f"{receipt['dead_modules']:,}"),
            )
        ),
        f'<h3>Worth a look</h3><ul class="warnings">{warnings}</ul>' if warnings else "",
        lead="Checked against the rules of the contest's runtime before it was zipped.",
    )


def lineage_section(evidence: Evidence) -> str:
    """Every node with its identity and what it was made from."""
    rows = [
        (
            text(step.node),
            f'<span class="whole">{text(step.step)}</span>',
            f"<code>{text(step.fingerprint)}</code>",
            "<br>".join(f"{text(name)} ← <code>{text(address)}</code>" for name, address in step.inputs.items()),
            text(step.engines),
        )
        for step in evidence.steps
    ]
    codes = sorted({str(step.manifest.get("code", "")) for step in evidence.steps} - {""})
    lead = "The same step, config and inputs have the same fingerprint; a result with a known fingerprint is not made again."
    made_by = f'<p class="muted">Code: {text(", ".join(codes))}</p>' if codes else ""
    heads = ("node", "step", "fingerprint", "made from", "engines")
    return section("Lineage", table(heads, rows, label="Lineage"), made_by, lead=lead) if rows else ""


def _fate(step: StepFact) -> str:
    origin = f' <span class="muted">{text(step.origin)}</span>' if step.origin else ""
    return f'<span class="whole"><span class="badge {step.fate}">{step.fate}</span>{origin}</span>'


def _bar_width(seconds: float, longest: float) -> float:
    return 5 * seconds / longest if longest else 0.0


def _rows_out(step: StepFact) -> str:
    rows = step.rows_out
    if len(rows) == 1:
        return f"{next(iter(rows.values())):,}"
    return ", ".join(f"{count:,} {text(name)}" for name, count in rows.items())
