"""A control plane without a node: etcd, API server, controllers, scheduler, Argo, Kueue as processes, and nodes that kwok plays.

For simulations. It touches no other cluster: ports, keys and data are its own, and all of it is gone when the block ends.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.tool import modules, programs
from tests.cluster.tool.place import ARGO, ARGO_MODULE, BIN, KUEUE, KUEUE_MODULE, KWOK

from nemoflow.ports import free_port

Json = dict[str, Any]
READY_S = 180.0
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class ControlPlane:
    """The processes, by name, and the way to their API server."""

    folder: Path
    port: int = field(default_factory=free_port)
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def kubeconfig(self) -> Path:
        """Of somebody who may do everything."""
        return self.folder / "kubeconfig"

    def start(self, name: str, *args: object, env: Mapping[str, str] | None = None) -> None:
        """A process with a log of its own."""
        with (self.folder / f"{name}.log").open("ab") as log:
            command = list(map(str, args))
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env={**os.environ, **(env or {})})

    def kubectl(self, *args: object, text: str | None = None) -> str:
        """Run kubectl; RuntimeError where it fails."""
        command = [str(BIN / "kubectl"), f"--kubeconfig={self.kubeconfig}", *map(str, args)]
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[2:8])}: {done.stderr.strip()[-600:]}")
        return done.stdout

    def apply(self, objects: Sequence[Json]) -> None:
        """Server-side apply, many at once."""
        self.kubectl("apply", "--server-side", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def wait_for(self, what: str, is_so: Callable[[], bool]) -> None:
        """RuntimeError, with the logs' ends, where it does not come."""
        deadline = time.monotonic() + READY_S
        while not is_so():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                tails = "\n".join(f"{name}: {(self.folder / f'{name}.log').read_text()[-800:]}" for name in ended or self.processes)
                raise RuntimeError(f"{what}: not there\n{tails}")
            time.sleep(0.5)

    def core_seconds(self) -> dict[str, float]:
        """Seconds of a core that each process has used."""
        return {name: _core_seconds(process.pid) for name, process in self.processes.items()}

    def memory_mib(self) -> dict[str, float]:
        """Resident memory of each process."""
        return {name: _memory_mib(process.pid) for name, process in self.processes.items()}

    def stop(self) -> None:
        """End all, the last one first."""
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGKILL)
            process.wait()


def _core_seconds(pid: int) -> float:
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / TICK


def _memory_mib(pid: int) -> float:
    found = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(found.split()[1]) / 1024


@contextmanager
def control_plane(folder: Path, stages: Sequence[Json], argo_qps: int, kueue_qps: int) -> Iterator[ControlPlane]:
    """All of it, ready; `stages` say to kwok what becomes of pods."""
    programs.build(("kube", "etcd", "workflow-controller", "kueue", "kwok"))
    plane = ControlPlane(folder)
    try:
        _start_api(plane)
        _start_argo(plane, argo_qps)
        _start_kueue(plane, kueue_qps)
        _start_kwok(plane, stages)
        yield plane
    finally:
        plane.stop()


def _start_api(plane: ControlPlane) -> None:
    etcd, peer = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    urls = ("--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", peer)
    own = ("--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}")
    plane.start("etcd", BIN / "etcd", "--data-dir", plane.folder / "etcd", *urls, *own, "--unsafe-no-fsync", "--log-level", "warn")
    _run("openssl", "genrsa", "-out", plane.folder / "sa.key", "2048")
    (plane.folder / "tokens.csv").write_text(f'{plane.token},admin,1,"system:masters"\n')
    plane.start(
        "kube-apiserver",
        *(BIN / "kube", "kube-apiserver", f"--etcd-servers={etcd}", f"--secure-port={plane.port}", "--bind-address=127.0.0.1"),
        *(f"--cert-dir={plane.folder / 'certificates'}", f"--token-auth-file={plane.folder / 'tokens.csv'}"),
        *("--authorization-mode=AlwaysAllow", "--service-cluster-ip-range=10.97.0.0/16", "--anonymous-auth=false"),
        *("--service-account-issuer=https://simulation", f"--service-account-key-file={plane.folder / 'sa.key'}"),
        *(
            f"--service-account-signing-key-file={plane.folder / 'sa.key'}",
            "--endpoint-reconciler-type=none",
            "--disable-admission-plugins=TaintNodesByCondition",
        ),
        *("--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000"),
    )
    server = {"server": f"https://127.0.0.1:{plane.port}", "certificate-authority": str(plane.folder / "certificates" / "apiserver.crt")}
    named = {"clusters": [{"name": "c", "cluster": server}], "users": [{"name": "u", "user": {"token": plane.token}}]}
    context = {"contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}
    plane.kubeconfig.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **named, **context}))
    plane.wait_for("the API server", lambda: _answers(plane))
    # No node writes a heartbeat, and nobody is to miss it: a thousand of them would write a hundred times a second.
    common = (f"--kubeconfig={plane.kubeconfig}", "--leader-elect=false", "--kube-api-qps=200", "--kube-api-burst=400")
    key = f"--service-account-private-key-file={plane.folder / 'sa.key'}"
    controllers = "--controllers=namespace-controller,serviceaccount-controller,garbage-collector-controller"
    plane.start(
        "controller-manager",
        BIN / "kube",
        "kube-controller-manager",
        *common,
        key,
        controllers,
        "--secure-port=0",
        "--concurrent-gc-syncs=5",
    )
    plane.start("kube-scheduler", BIN / "kube", "kube-scheduler", *common, "--secure-port=0")


def _answers(plane: ControlPlane) -> bool:
    try:
        return plane.kubectl("get", "--raw", "/readyz") == "ok"
    except RuntimeError:
        return False


def _start_argo(plane: ControlPlane, qps: int) -> None:
    bases = modules.folder(ARGO_MODULE, ARGO) / "manifests/base"
    for definition in sorted((bases / "crds/full").glob("argoproj.io_*.yaml")):
        plane.kubectl("apply", "--server-side", "-f", definition)
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "workflow-controller-configmap", "namespace": "argo"}}
    plane.apply([namespace("argo"), config])
    environment = {
        "ARGO_NAMESPACE": "argo",
        "LEADER_ELECTION_DISABLE": "true",
        "DEFAULT_REQUEUE_TIME": "1s",
        "KUBECONFIG": str(plane.kubeconfig),
    }
    limits = (f"--qps={qps}", f"--burst={2 * qps}", "--workflow-workers=32", "--executor-image=none", "--loglevel=warn")
    plane.start(
        "workflow-controller", BIN / "workflow-controller", f"--kubeconfig={plane.kubeconfig}", "--namespace=argo", *limits, env=environment
    )


def _start_kueue(plane: ControlPlane, qps: int) -> None:
    base = modules.folder(KUEUE_MODULE, KUEUE) / "config/components"
    for definition in sorted((base / "crd/bases").glob("*.yaml")):
        plane.kubectl("apply", "--server-side", "-f", definition)
    plane.wait_for("Kueue's definitions", lambda: "clusterqueues" in plane.kubectl("api-resources", "--api-group=kueue.x-k8s.io"))
    plane.apply([namespace("kueue-system")])
    certificates, port = _certificate(plane.folder / "webhook"), free_port()
    settings = {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "namespace": "kueue-system",
        "health": {"healthProbeBindAddress": f"127.0.0.1:{free_port()}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": "127.0.0.1", "port": port, "certDir": str(certificates)},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "clientConnection": {"qps": qps, "burst": 2 * qps},
        "fairSharing": {"preemptionStrategies": ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]},
        "integrations": {"frameworks": ["pod"]},
    }
    (plane.folder / "kueue.yaml").write_text(yaml.safe_dump(settings))
    # Kueue looks for a certificate at one fixed place; it gets an /etc of its own, in which there is nothing else.
    inside = 'mount -t tmpfs tmpfs /etc && mkdir -p /etc/kueue/metrics && cp -r "$0" /etc/kueue/metrics/certs && exec "$@"'
    command = (
        BIN / "kueue",
        f"--config={plane.folder / 'kueue.yaml'}",
        f"--kubeconfig={plane.kubeconfig}",
        "--zap-log-level=1",
        "--feature-gates=VisibilityOnDemand=false",
    )
    plane.start("kueue", "unshare", "--mount", "sh", "-c", inside, certificates, *command)
    plane.wait_for("Kueue's webhooks", lambda: _listens(port))
    hooks = list(yaml.safe_load_all((base / "webhook/manifests.yaml").read_text()))
    plane.apply([_on_this_machine(hook, port, (certificates / "ca.b64").read_text()) for hook in hooks if hook])


def _on_this_machine(hooks: Json, port: int, authority: str) -> Json:
    """Kueue's webhooks for the kinds that there are, called by address; kube-system and its own are left alone, as in its manifests."""
    others = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "kueue-system"]}
    spared = {"matchExpressions": [others]}
    kept = [
        hook
        for hook in hooks["webhooks"]
        if hook["name"] in ("mpod.kb.io", "vpod.kb.io") or "-kueue-x-k8s-io-" in hook["clientConfig"]["service"]["path"]
    ]
    for hook in kept:
        path = hook["clientConfig"]["service"]["path"]
        hook["clientConfig"] = {"url": f"https://127.0.0.1:{port}{path}", "caBundle": authority}
        if "pod.kb.io" in hook["name"]:
            hook["namespaceSelector"] = spared
    return {**hooks, "webhooks": kept}


def _certificate(folder: Path) -> Path:
    folder.mkdir()
    key, certificate = folder / "tls.key", folder / "tls.crt"
    subject = ("-subj", "/CN=kueue", "-addext", "subjectAltName=IP:127.0.0.1")
    _run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate, *subject)
    (folder / "ca.b64").write_text(_run("base64", "-w0", certificate))
    return folder


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _start_kwok(plane: ControlPlane, stages: Sequence[Json]) -> None:
    ready = yaml.safe_load((modules.folder("sigs.k8s.io/kwok", KWOK) / "kustomize/stage/node/fast/node-initialize.yaml").read_text())
    options = {"podPlayStageParallelism": 16, "nodePlayStageParallelism": 8}
    config = {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", "options": options}
    (plane.folder / "kwok.yaml").write_text(yaml.safe_dump_all([config, ready, *stages]))
    flags = (f"--kubeconfig={plane.kubeconfig}", f"--config={plane.folder / 'kwok.yaml'}", "--manage-all-nodes=true")
    plane.start("kwok", BIN / "kwok", *flags, "--node-lease-duration-seconds=0", "--v=WARN")


def namespace(name: str) -> Json:
    """As an object."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _run(*args: object) -> str:
    return subprocess.run(list(map(str, args)), check=True, capture_output=True, text=True).stdout
