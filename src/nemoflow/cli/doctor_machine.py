"""`nemoflow doctor [WORKFLOW]`: is this machine ready, and what is missing."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click

from nemoflow.cli.options import DEFAULT_ROOT, ROOT, SETS, load, place_of
from nemoflow.errors import ConfigError, NemoflowError
from nemoflow.flow.build import code_version, read_build
from nemoflow.flow.pipeline import Pipeline
from nemoflow.flow.place import Place
from nemoflow.flow.workflow import Workflow
from nemoflow.inference.teachers import could_wake
from nemoflow.steps.wake_teacher import WakeTeacherConfig
from nemoflow.store import open_store

EXTRAS = {
    "train": ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "datasets", "safetensors"),
    "curate": ("rensa",),
    "argo": ("hera", "kubernetes", "yaml"),
}
LOW_DISK_GIB = 2.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    is_fine: bool
    text: str
    is_needed: bool = True


@click.command()
@click.argument("workflow", required=False, type=click.Path(path_type=Path))
@SETS
@ROOT
def machine(workflow: Path | None, sets: str, root: str | None) -> None:
    """Check this machine; with WORKFLOW, what that workflow needs. Ends with 2 where something needed is missing."""
    loaded, pipeline = load(workflow, sets) if workflow else (None, None)
    where = root or (loaded.head.root if loaded else DEFAULT_ROOT)
    findings = [*_machine(), *_sandbox(), *_extras(_needed(pipeline)), *_root(where)]
    if pipeline:
        findings += _teachers(pipeline)
    if loaded and all(finding.is_fine for finding in findings if finding.what == "root"):
        findings += _inputs(loaded, place_of(loaded, root, None, quiet=True))
    for finding in findings:
        mark = "ok     " if finding.is_fine else ("MISSING" if finding.is_needed else "absent ")
        click.echo(f"{mark} {finding.what:<16} {finding.text}")
    missing = [finding.what for finding in findings if finding.is_needed and not finding.is_fine]
    if missing:
        raise ConfigError(f"not ready: {', '.join(missing)}")
    click.echo("ready")


def _machine() -> Iterator[Finding]:
    version = sys.version.split()[0]
    build = read_build()
    yield Finding("nemoflow", True, f"{code_version()}, in the image {build.image}" if build else code_version())
    yield Finding("python", sys.version_info >= (3, 11), f"{version}; 3.11 or newer is needed")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield Finding("machine", True, f"{len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB of memory")
    gpus = sorted(Path("/proc/driver/nvidia/gpus").glob("*")) if Path("/proc/driver/nvidia/gpus").is_dir() else []
    yield Finding(
        "gpu", bool(gpus), f"{len(gpus)} NVIDIA" if gpus else "none; what trains or evaluates here does so on the CPU", is_needed=False
    )


def _sandbox() -> Iterator[Finding]:
    """What a model's code would be held by here; found by trying."""
    import asyncio

    from nemoflow.sandbox.session import LocalSandbox

    async def look() -> list[str]:
        async with LocalSandbox() as sandbox:
            return list(sandbox.walls.lines())

    try:
        lines = asyncio.run(look())
    except NemoflowError as error:
        yield Finding("sandbox", False, str(error), is_needed=False)
        return
    for line in lines:
        what, _, how = line.partition(": ")
        yield Finding(f"sandbox {what}", "none" not in how, how, is_needed=False)


def _needed(pipeline: Pipeline | None) -> set[str]:
    if pipeline is None:
        return set()
    needed = {"train"} if any(node.step.image == "train" for node in pipeline.nodes) else set()
    return needed | ({"curate"} if any(getattr(node.config, "near", False) for node in pipeline.nodes) else set())


def _extras(needed: set[str]) -> Iterator[Finding]:
    for extra, packages in EXTRAS.items():
        absent = [package for package in packages if find_spec(package) is None]
        text = f"without {', '.join(absent)}: pip install 'nemoflow[{extra}]'" if absent else "installed"
        yield Finding(f"extra {extra}", not absent, text, is_needed=extra in needed)


def _root(where: str) -> Iterator[Finding]:
    key = f"doctor-{os.getpid()}"
    try:
        store = open_store(where)
        store.write_bytes(key, b"")
        store.delete(key)
    except (NemoflowError, OSError) as error:
        yield Finding("root", False, f"{where}: {error}")
        return
    yield Finding("root", True, f"{where} takes and gives bytes")
    local = store.local_path(key)
    if local is not None:
        free = shutil.disk_usage(local.parent).free / 2**30
        yield Finding("disk", free > LOW_DISK_GIB, f"{free:.1f} GiB free there; {LOW_DISK_GIB:.0f} are needed")


def _inputs(workflow: Workflow, place: Place) -> Iterator[Finding]:
    """What the workflow wants to be handed; nothing of it is read."""
    for name in workflow.head.inputs:
        uri = workflow.uri(name, "")
        try:
            place.check_uri(uri)
        except NemoflowError as error:
            yield Finding(f"input {name}", False, str(error))
        else:
            yield Finding(f"input {name}", True, f"{uri} is there")


def _teachers(pipeline: Pipeline) -> Iterator[Finding]:
    """One look at each teacher. One that is not up yet may be by the time of the run, so it is not missing."""
    for node in pipeline.nodes:
        if isinstance(node.config, WakeTeacherConfig):
            try:
                why = could_wake(node.config.teacher)
            except NemoflowError as error:
                yield Finding(node.name, False, str(error))
            else:
                answers = "answers" if node.config.kind == "url" else "can be started"
                yield Finding(node.name, not why, why or f"{node.config.model} {answers}", is_needed=False)
