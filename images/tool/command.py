"""The command line."""

import argparse
import json
import os
import time
from collections.abc import Sequence
from typing import Any

from . import registry
from .builder import Builder, choose_builder
from .context import arguments, cpu_torch, make_context
from .debian import debian_base
from .machine import find_uv
from .recipes import BUILD, FOLDER, RECIPES, Recipe
from .shell import Failure, say
from .source import Source, read_source

HELP = """Builds the images of images/, and pushes them where a registry is named; only layers that it lacks travel.

    images/build                                  all that this machine can build
    images/build data train --registry ghcr.io/us
    BASE_IMAGE=registry.us/python@sha256:... images/build

Writes build/images/images.json: the tag, and each image's reference, digest and compressed size.
"""
CLUSTER_TOOL = FOLDER.parent / "tests/cluster/cluster"


def main() -> int:
    """Build; 1 where an image failed or is larger than it may be."""
    args = _parser().parse_args()
    try:
        return _build(args.images, args.registry, args.names, choose_builder(args.anew))
    except Failure as failure:
        say(str(failure))
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=f"of {', '.join(RECIPES)}; default: all but those for GPUs only")
    parser.add_argument("--registry", default="", metavar="HOST[/PATH]", help="where to push; default: nowhere")
    parser.add_argument("--names", default="", metavar="HOST[/PATH]", help="what nodes call that registry, where it is another name")
    parser.add_argument("--anew", action="store_true", help="take no layer of an earlier build")
    return parser


def _build(names: Sequence[str], destination: str, known_as: str, builder: Builder) -> int:
    if unknown := [name for name in names if name not in RECIPES]:
        raise Failure(f"no image {', '.join(unknown)}; one of {', '.join(RECIPES)} is right")
    chosen = [RECIPES[name] for name in names or RECIPES if names or not (RECIPES[name].is_gpu_only and cpu_torch())]
    source, uv = read_source(), find_uv()
    base = _build_base(builder)
    built: dict[str, dict[str, Any]] = {}
    for recipe in chosen:
        begun = time.monotonic()
        _build_image(builder, recipe, source, base, uv)
        say(f"built {recipe.name} in {time.monotonic() - begun:.0f} s")
        built[recipe.name] = _push(builder, recipe, source, destination, known_as) if destination else {}
        _write_down(source, built)
    too_large = [name for name, facts in built.items() if _is_too_large(RECIPES[name], facts.get("compressed_mb", 0.0))]
    return int(bool(too_large))


def _is_too_large(recipe: Recipe, megabytes: float) -> bool:
    if not recipe.most_mb or megabytes <= recipe.most_mb:
        return False
    say(f"{recipe.name} has {megabytes} MB compressed; {recipe.most_mb} MB are allowed")
    return True


def _write_down(source: Source, built: dict[str, dict[str, Any]]) -> None:
    """Beside what was built earlier under the same tag."""
    path = BUILD / "images.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    earlier = known["images"] if known.get("tag") == source.tag else {}
    text = json.dumps({"tag": source.tag, "commit": source.commit, "images": earlier | built}, indent=1) + "\n"
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def _build_base(builder: Builder) -> str:
    wanted = os.environ.get("BASE_IMAGE", "")
    pinned = _pinned_base()
    if not wanted and not builder.has(pinned, pull=True):
        say(f"{pinned} cannot be had here; making a base of this machine's Debian mirror instead")
        wanted = debian_base(builder)
    args = {"BASE_IMAGE": wanted} if wanted else {}
    builder.build(builder.base, FOLDER / "base/Containerfile", FOLDER / "base", args, {})
    return builder.base


def _pinned_base() -> str:
    lines = (FOLDER / "base/Containerfile").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("ARG BASE_IMAGE="))


def _build_image(builder: Builder, recipe: Recipe, source: Source, base: str, uv: str) -> None:
    context = make_context(recipe, source, uv)
    args = {"BASE": base, **arguments(recipe, source)}
    builder.build(f"{builder.base.rpartition('/')[0]}/{recipe.name}:{source.tag}", recipe.containerfile, context, args, source.labels)


def _push(builder: Builder, recipe: Recipe, source: Source, destination: str, known_as: str) -> dict[str, Any]:
    address = f"{destination}/nemoflow/{recipe.name}:{source.tag}"
    begun = time.monotonic()
    builder.push(f"{builder.base.rpartition('/')[0]}/{recipe.name}:{source.tag}", address)
    pushed = registry.look(address)
    size = f", {pushed.megabytes} MB compressed" if pushed else ""
    say(f"pushed {recipe.name} in {time.monotonic() - begun:.0f} s{size}")
    reference = {"reference": f"{known_as or destination}/nemoflow/{recipe.name}:{source.tag}"}
    return reference | ({"digest": pushed.digest, "compressed_mb": pushed.megabytes, "layers": dict(pushed.layers)} if pushed else {})
