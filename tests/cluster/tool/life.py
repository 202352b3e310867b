"""The cluster's life: up, down, and what clients need to know in between."""

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import argo, daemons, images, jobset, kube, kueue, minio, programs
from .control import start_control_plane
from .keys import make_keys
from .machine import install_packages, obstacles
from .network import make_network
from .node import start_dns, start_kubelet, start_runtime, wait_for_node
from .place import (
    ACCESS_KEY,
    ADMIN,
    BIN,
    CONTAINERD,
    LOGS,
    MINIO_PORT,
    NETNS,
    PIDS,
    READY,
    REGISTRY,
    REGISTRY_PORT,
    SECRET_KEY,
    STATE,
)
from .shell import Failure, say, step

PARTS = {
    "minio": (minio.install, "minio", "minio"),
    "argo": (argo.install, "argo", "workflow-controller"),
    "jobset": (jobset.install, "jobset-system", "jobset-controller-manager"),
    "kueue": (kueue.install, "kueue-system", "kueue-controller-manager"),
}
"""In the order of their installation: how, and the Deployment that is then waited for."""
FIRST_TO_STOP = ("kubelet", "controller-manager", "scheduler", "proxy", "dns")


def is_up() -> bool:
    """Whether the node came up and its API server answers."""
    return READY.exists() and kube.answers("get", "--raw", "/readyz")


def up(without: Sequence[str] = ()) -> None:
    """Start what does not run yet of the node and the parts on it, and wait until it is ready."""
    if reasons := obstacles():
        raise Failure("; ".join(reasons))
    begun = time.monotonic()
    if not is_up():
        _start_node()
        say(f"node ready after {time.monotonic() - begun:.0f} s")
    there = READY.read_text().split()
    missing = [name for name in PARTS if name not in (*without, *there)]
    with step("build"):
        programs.build([program for name in missing for program in programs.OF_PART[name]])
    for name in missing:
        with step(name):
            images.load_part(name)
            PARTS[name][0]()
    for name in missing:
        with step(name):
            kube.wait_for_rollout(*PARTS[name][1:])
        say(f"{name} ready after {time.monotonic() - begun:.0f} s")
    READY.write_text(" ".join([*there, *missing]))


def _start_node() -> None:
    down()
    for folder in (LOGS, PIDS):
        folder.mkdir(parents=True)
    for name, act in _steps().items():
        with step(name):
            act()
    READY.touch()


def _steps() -> dict[str, Callable[[], None]]:
    return {
        "build": lambda: programs.build(programs.OF_NODE),
        "packages": install_packages,
        "keys": make_keys,
        "network": make_network,
        "control plane": start_control_plane,
        "container runtime": start_runtime,
        "registry": images.start_registry,
        "pause": images.load_pause,
        "kubelet": start_kubelet,
        "dns": start_dns,
        "node": wait_for_node,
    }


def down() -> None:
    """Stop everything and remove its state; the cache stays."""
    for name in FIRST_TO_STOP:
        daemons.stop(name)
    if daemons.is_alive("containerd"):
        _remove_containers()
    for name in daemons.names():
        daemons.stop(name)
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{STATE}/")), reverse=True):
        subprocess.run(["umount", "-l", mount], capture_output=True)
    if Path(f"/var/run/netns/{NETNS}").exists():
        for name in (NETNS, *(path.name for path in Path("/var/run/netns").glob("cni-*"))):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)
    shutil.rmtree(STATE, ignore_errors=True)


def _remove_containers() -> None:
    ctr = ("ctr", "-a", str(CONTAINERD), "-n", "k8s.io")
    for action in (("tasks", "kill", "-s", "SIGKILL"), ("tasks", "rm", "-f"), ("containers", "rm")):
        listed = subprocess.run([*ctr, action[0], "ls", "-q"], capture_output=True, text=True)
        for name in listed.stdout.split():
            subprocess.run([*ctr, *action, name], capture_output=True)


def status() -> dict[str, bool]:
    """Each process that was started, and whether it still runs."""
    return {name: daemons.is_alive(name) for name in daemons.names()}


def environment() -> dict[str, str]:
    """What clients on this machine need."""
    return {
        "KUBECONFIG": str(ADMIN),
        "PATH": f"{BIN}:$PATH",
        "CONTAINERD_ADDRESS": str(CONTAINERD),
        "CONTAINERD_NAMESPACE": "k8s.io",
        "S3_ENDPOINT": f"http://127.0.0.1:{MINIO_PORT}",
        "S3_ENDPOINT_IN_CLUSTER": f"http://minio.minio.svc:{MINIO_PORT}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "us-east-1",
        "REGISTRY_PUSH": f"127.0.0.1:{REGISTRY_PORT}",
        "REGISTRY_IN_CLUSTER": REGISTRY,
    }
