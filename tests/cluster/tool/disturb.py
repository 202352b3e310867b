"""What happens to clusters, on purpose: the API server is away, the store's process dies, a controller starts anew.

All of it is felt by everything that runs on the cluster.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from . import control, daemons, kube, life
from .place import CONTAINERD
from .shell import Failure, run


@contextmanager
def api_server_away() -> Iterator[None]:
    """For the time of the block nobody gets an answer from the API server: connections are taken, and then nothing comes."""
    _signal("apiserver", signal.SIGSTOP)
    try:
        yield
    finally:
        _signal("apiserver", signal.SIGCONT)


def api_server_down(seconds: float) -> None:
    """End the API server, and start it again after so many seconds; until then connections are refused."""
    daemons.stop("apiserver")
    time.sleep(seconds)
    control.start_api_server()


def _signal(name: str, number: int) -> None:
    if not daemons.is_alive(name):
        raise Failure(f"{name} does not run")
    os.killpg(daemons.pid_of(name), number)


def crash(part: str) -> str:
    """Kill the process of a part (`minio`, `argo`, `kueue`) in its pod, as a bug of its own would; its volumes stay. The pod's name."""
    pod = _pod(part)
    containers = [found["containerID"] for found in pod["status"].get("containerStatuses", ()) if found.get("containerID")]
    if not containers:
        raise Failure(f"{pod['metadata']['name']} has no container yet")
    container = containers[0].removeprefix("containerd://")
    run("ctr", "-a", CONTAINERD, "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", container)
    return str(pod["metadata"]["name"])


def replace(part: str) -> str:
    """Delete the pod of a part, as a drained node would, and return its name; another takes its place."""
    pod = _pod(part)
    kube.kubectl("-n", pod["metadata"]["namespace"], "delete", "pod", pod["metadata"]["name"], "--wait=false")
    return str(pod["metadata"]["name"])


def wait_until_well(seconds: float = 120) -> None:
    """Until the API server answers and every part is up, its webhooks included."""
    deadline = time.monotonic() + seconds
    while not all(_is_well(part) for part in life.PARTS):
        if time.monotonic() > deadline:
            raise Failure(f"the cluster is not well again after {seconds:.0f} s")
        time.sleep(0.5)


def _is_well(part: str) -> bool:
    try:
        return bool(_pod(part)["status"]["containerStatuses"][0]["ready"])
    except (Failure, KeyError, subprocess.SubprocessError):
        return False


def _is_here(pod: kube.Json) -> bool:
    """Not on its way out, and not what an eviction left."""
    return not pod["metadata"].get("deletionTimestamp") and pod["status"]["phase"] not in ("Succeeded", "Failed")


def _pod(part: str) -> kube.Json:
    """The pod of a part's Deployment."""
    _, namespace, deployment = life.PARTS[part]
    found = json.loads(kube.kubectl("-n", namespace, "get", "pods", "-o", "json", "--request-timeout=5s"))["items"]
    mine = [pod for pod in found if pod["metadata"]["name"].startswith(f"{deployment}-") and _is_here(pod)]
    if not mine:
        raise Failure(f"no pod of {namespace}/{deployment}")
    pod: kube.Json = mine[0]
    return pod
