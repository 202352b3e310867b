"""The control plane: etcd, API server, controllers, scheduler."""

from . import daemons, kube
from .keys import INSIDE
from .network import start_forward
from .place import API_PORT, BIN, NODE_IP, PKI, SERVICE_CIDR, STATE
from .shell import wait_for

ETCD = "http://127.0.0.1:2379"
KUBE = BIN / "kube"


def start_control_plane() -> None:
    """Start it and wait for the API server."""
    _etcd()
    start_forward(API_PORT, INSIDE.removeprefix("https://"))
    start_api_server()
    _controllers()
    _scheduler()


def start_api_server() -> None:
    """Start it and wait for its answer."""
    _api_server()
    ready = lambda: kube.answers("get", "--raw", "/readyz")  # noqa: E731
    wait_for("API server", ready, daemons.log_of("apiserver"), lambda: daemons.is_alive("apiserver"))


def _etcd() -> None:
    peer = "http://127.0.0.1:2380"
    listen = ("--listen-client-urls", ETCD, "--advertise-client-urls", ETCD, "--listen-peer-urls", peer)
    daemons.start("etcd", BIN / "etcd", "--data-dir", STATE / "etcd", *listen, "--unsafe-no-fsync", "--log-level", "warn")


def _api_server() -> None:
    daemons.start(
        "apiserver",
        KUBE,
        "kube-apiserver",
        f"--etcd-servers={ETCD}",
        f"--advertise-address={NODE_IP}",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--enable-aggregator-routing=true",
        "--kubelet-preferred-address-types=InternalIP",
        f"--client-ca-file={PKI}/ca.crt",
        f"--tls-cert-file={PKI}/apiserver.crt",
        f"--tls-private-key-file={PKI}/apiserver.key",
        f"--kubelet-client-certificate={PKI}/kubelet-client.crt",
        f"--kubelet-client-key={PKI}/kubelet-client.key",
        f"--kubelet-certificate-authority={PKI}/ca.crt",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={PKI}/sa.pub",
        f"--service-account-signing-key-file={PKI}/sa.key",
        f"--requestheader-client-ca-file={PKI}/front-ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={PKI}/front-proxy.crt",
        f"--proxy-client-key-file={PKI}/front-proxy.key",
    )


def _controllers() -> None:
    daemons.start(
        "controller-manager",
        KUBE,
        "kube-controller-manager",
        *_identity("controller-manager"),
        f"--root-ca-file={PKI}/ca.crt",
        f"--service-account-private-key-file={PKI}/sa.key",
        "--use-service-account-credentials",
        f"--cluster-signing-cert-file={PKI}/ca.crt",
        f"--cluster-signing-key-file={PKI}/ca.key",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--enable-hostpath-provisioner=true",
    )


def _scheduler() -> None:
    daemons.start("scheduler", KUBE, "kube-scheduler", *_identity("scheduler"))


def _identity(name: str) -> tuple[str, ...]:
    config = STATE / f"{name}.conf"
    flags = (f"--{flag}={config}" for flag in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"))
    return (*flags, "--leader-elect=false")
