"""`nemoflow doctor adapter`: would the contest's runtime load this adapter, and as what it was trained to be."""

import json
import math
import sys
from pathlib import Path

import click

from nemoflow.errors import SubmissionError
from nemoflow.submission.doctor import Checkup, examine
from nemoflow.submission.repair import repair
from nemoflow.submission.rules import SEVERITIES, Finding

COLOURS = {"refused": "bold red", "risk": "yellow", "note": "dim"}
MAX_RANK = 32


@click.command()
@click.argument("adapter", type=click.Path(path_type=Path))
@click.option(
    "--base", required=True, type=click.Path(path_type=Path), help="Folder of the base model; its headers are read, not its weights."
)
@click.option("--max-rank", default=MAX_RANK, show_default=True, help="Largest rank; the contest starts vLLM with 32.")
@click.option("--fix", "out", type=click.Path(path_type=Path), help="New folder for a repaired copy that computes the same.")
@click.option("--load", "loads", is_flag=True, help="Prove it: load it in vLLM, and compare with the base model and with PEFT.")
@click.option("--python", default=sys.executable, help="Python of the environment that has vLLM; this one by default.")
@click.option("--json", "as_json", is_flag=True, help="Findings for a program.")
def adapter(adapter: Path, base: Path, max_rank: int, out: Path | None, loads: bool, python: str, as_json: bool) -> None:
    """Examine ADAPTER, a folder as PEFT saves it or a submission.zip, against its base model.

    Each finding names tensor, field or file, the value, why it matters and what repairs it: `refused` (an error, or another adapter
    without a word), `risk`, `note`. Ends with 2 where anything is refused, with --fix where anything still is. No GPU, no vLLM, no torch.
    """
    repaired = repair(adapter, base, out, max_rank) if out else None
    checkup = repaired.after if repaired else examine(adapter, base, max_rank)
    subject = out or adapter
    if loads:
        checkup = proved(checkup, subject, base, python, max_rank)
    if as_json:
        click.echo(json.dumps({**to_json(subject, checkup), "repaired": list(repaired.done) if repaired else []}, indent=2))
    else:
        if repaired:
            click.echo(headline(adapter, repaired.before))
            click.echo("".join(f"repaired  {line}\n" for line in repaired.done) or "nothing was to repair\n", nl=False)
        show(subject, checkup)
    refused = len(checkup.of("refused"))
    if refused:
        raise SubmissionError(f"{subject}: {refused} of its findings would be refused")


def proved(checkup: Checkup, adapter: Path, base: Path, python: str, max_rank: int) -> Checkup:
    """With what loading it in vLLM says."""
    from nemoflow.submission.prove import prove

    return checkup.also(prove(adapter, base, python, max_rank))


def to_json(adapter: Path, checkup: Checkup) -> dict[str, object]:
    """What `--json` prints."""
    scale = checkup.scale
    return {
        "adapter": str(adapter),
        "is_refused": bool(checkup.of("refused")),
        "rank": checkup.rank,
        "scale": scale if math.isfinite(scale) else None,
        "modules": checkup.modules,
        "dead_modules": len(checkup.dead),
        "tensors": checkup.tensors,
        "parameters": checkup.parameters,
        "dtypes": list(checkup.dtypes),
        "findings": [finding.to_json() for finding in checkup.findings],
    }


def show(adapter: Path, checkup: Checkup) -> None:
    """A table, the worst first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    click.echo(headline(adapter, checkup))
    if not checkup.findings:
        return
    table = Table(show_edge=False, pad_edge=False, show_lines=True, header_style="bold", expand=True)
    table.add_column("finding", no_wrap=True)
    table.add_column("where, and what stands there", ratio=1, overflow="fold")
    table.add_column("why it matters, and what repairs it", ratio=1, overflow="fold")
    for finding in checkup.findings:
        mark = Text(f"{finding.severity}\n{finding.rule}", style=COLOURS[finding.severity])
        table.add_row(mark, Text(f"{_where(finding)}\n{finding.value}"), Text(f"{finding.why}\n-> {finding.repair}"))
    Console().print(table)


def headline(adapter: Path, checkup: Checkup) -> str:
    """One line on all of it."""
    counts = ", ".join(f"{len(found)} {severity}" for severity in SEVERITIES if (found := checkup.of(severity)))
    held = f"{checkup.modules:,} modules, rank {checkup.rank}, scale {checkup.scale:g}, {checkup.parameters:,} parameters"
    return f"{adapter}: {held}, {' '.join(checkup.dtypes) or 'no tensors'}: {counts or 'nothing found'}"


def _where(finding: Finding) -> str:
    more = f" and {len(finding.subjects) - 1:,} more" if len(finding.subjects) > 1 else ""
    return finding.subjects[0] + more
