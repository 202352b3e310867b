"""`nemoflow steps`: what steps there are, and what one takes, makes and may be told."""

import shutil
import textwrap
from collections.abc import Iterator

import click
import orjson
from pydantic.fields import FieldInfo

from nemoflow.cli.config_options import field_docstrings
from nemoflow.flow.step import Optional, Step
from nemoflow.flow.workflow import import_value


@click.command("steps")
@click.argument("name", required=False, metavar="[STEP]")
def steps(name: str | None) -> None:
    """List the steps; or say what STEP takes, makes and may be told, each option with its default.

    \b
    nemoflow steps train
    nemoflow steps mypackage.steps:MY_STEP
    """  # noqa: D301
    from nemoflow.steps import STEPS

    known = {step.name: step for step in STEPS}
    if name is None:
        for step in STEPS:
            click.echo(f"{step.name:<18} {', '.join(step.inputs) or '-'} -> {', '.join(step.outputs) or '-'}")
        return
    right = f"one of {', '.join(known)}, or an import path package.module:STEP"
    for line in described(known.get(name) or import_value(name, "step", right)):
        click.echo(line)


def described(step: Step) -> Iterator[str]:
    """Lines for a reader."""
    yield f"{step.name}, version {step.version}"
    for heading, ends in (("takes", step.inputs), ("makes", step.outputs)):
        yield f"{heading}:"
        for name, kind in ends.items():
            yield f"  {name:<18} {kind.kind}, may be left out" if isinstance(kind, Optional) else f"  {name:<18} {kind}"
    yield f"options, in [{step.name}] of a workflow file or as --set '{{\"name\": value}}' of `nemoflow step {step.name}`:"
    helps = field_docstrings(step.config)
    width = max(60, shutil.get_terminal_size().columns)
    for name, field in step.config.model_fields.items():
        yield f"  {name} = {_default(field)}"
        yield textwrap.fill(helps.get(name, ""), width, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _default(field: FieldInfo) -> str:
    """As it is written in TOML, near enough; a required one has none."""
    if field.is_required():
        return "(required)"
    value = field.get_default(call_default_factory=True)
    return orjson.dumps(value.model_dump(mode="json") if hasattr(value, "model_dump") else value).decode()
