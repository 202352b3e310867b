"""Ports of this machine for servers that are started a moment later."""

import errno
import random
import socket
from pathlib import Path

KERNELS = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""First and last port that Linux gives to connections, and to servers that ask for any."""
FIRST, LAST = 10_000, 29_999
"""Below what Linux gives out where nobody changed it (32768 to 60999), and below the NodePorts of Kubernetes (30000 to 32767)."""


def free_port() -> int:
    """A TCP port of this machine at which nobody listens now, and that no connection is given later.

    A port that the kernel gives to a probe is soon given to something else: a teacher that loads for minutes before it listens may find it
    taken. Where the kernel gives out all ports, so are these. Two callers at the same moment get the same one in a case of 20,000.

    Raises OSError where all are taken.
    """
    first, last = _given_by_the_kernel()
    ports = range(FIRST, LAST + 1)
    ours = [port for port in ports if not first <= port <= last] or list(ports)
    # Not seeded: processes that begin alike would all draw the same ones.
    for port in random.SystemRandom().sample(ours, len(ours)):
        if _is_free(port):
            return port
    raise OSError(errno.EADDRINUSE, f"all ports from {ours[0]} to {ours[-1]} are taken")


def _given_by_the_kernel() -> tuple[int, int]:
    try:
        first, last = map(int, KERNELS.read_text(encoding="ascii").split())
    except (OSError, ValueError):  # no Linux
        return 0, 0
    return first, last


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: connections that have ended are no bar
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
