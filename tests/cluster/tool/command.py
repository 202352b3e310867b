"""The command line."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from . import images, life, machine, modules, network, programs
from .shell import Failure, say

HELP = """A real single-node Kubernetes with Argo Workflows, Kueue, MinIO and a registry, from Go modules and Debian packages.

Everything runs in a network namespace of its own without a way out. Reachable on this machine's loopback: the API server (6443),
MinIO (9000), the registry (5000), and whatever `cluster forward PORT ADDRESS` adds.

    cluster up && eval "$(cluster env)" && kubectl get pods -A
"""


def main() -> int:
    """Run a command; 1 where it failed, 3 where `can` finds that this machine cannot."""
    args = _parser().parse_args()
    act: Callable[[argparse.Namespace], int | None] = args.act
    try:
        return act(args) or 0
    except Failure as failure:
        say(str(failure))
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cluster", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, text: str, act: Callable[[argparse.Namespace], int | None]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(act=act)
        return added

    command("can", "say whether this machine can carry it; ends with 3 where it cannot", _can)
    building = command(
        "build", "compile what the cache lacks (cold: some 30 minutes)", lambda args: programs.build(args.names or programs.ALWAYS)
    )
    building.add_argument("names", nargs="*", metavar="PROGRAM", help=f"of {', '.join(programs.PROGRAMS)}")
    starting = command("up", "start it and wait until all is ready", lambda args: life.up(args.without))
    starting.add_argument("--without", action="append", default=[], choices=[*life.PARTS])
    command("down", "stop it and delete its state", lambda args: life.down())
    command("status", "say what runs; ends with 1 where it is not up", _status)
    command("env", 'print the exports that clients need: eval "$(cluster env)"', _env)
    loading = command("load", "import an OCI or docker archive under the name that pods use", lambda args: images.load(args.name, args.tar))
    loading.add_argument("name")
    loading.add_argument("tar", type=Path)
    forwarding = command("forward", "make an address of the cluster reachable on a port of the loopback", _forward)
    forwarding.add_argument("port", type=int)
    forwarding.add_argument("address", help="IP:PORT inside the cluster")
    forwarding.add_argument("--foreground", action="store_true")
    defining = command("crds", "print the folder of the full definitions of a line of Argo, such as 3.7", _crds)
    defining.add_argument("line")
    return parser


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _can(args: argparse.Namespace) -> int:
    for reason in machine.obstacles():
        say(reason)
    return 3 if machine.obstacles() else 0


def _status(args: argparse.Namespace) -> int:
    for name, alive in life.status().items():
        _print(f"{name}: {'up' if alive else 'DOWN'}")
    _print("ready" if life.is_up() else "not up")
    return 0 if life.is_up() else 1


def _env(args: argparse.Namespace) -> None:
    for name, value in life.environment().items():
        _print(f"export {name}={value}")


def _forward(args: argparse.Namespace) -> None:
    (network.forward if args.foreground else network.start_forward)(args.port, args.address)


def _crds(args: argparse.Namespace) -> None:
    _print(str(modules.argo_definitions(args.line)))
