"""The node: containerd, kubelet, kube-proxy and DNS."""

import json

from . import daemons, kube
from .place import BIN, CONTAINERD, GPUS, NODE, NODE_IP, PKI, POD_CIDR, REGISTRY, REGISTRY_PORT, STATE
from .shell import succeeds, wait_for

CONTAINERD_CONFIG = f"""version = 2
root = "{STATE}/containerd"
state = "{STATE}/containerd-state"
[grpc]
  address = "{CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{REGISTRY}/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{STATE}/registries"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{STATE}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""
"""Without CAP_SYS_RESOURCE no container may have an oom score below the runtime's own; `restrict_oom_score_adj` allows for that."""
MIRROR = f"""server = "http://127.0.0.1:{REGISTRY_PORT}"
[host."http://127.0.0.1:{REGISTRY_PORT}"]
  capabilities = ["pull", "resolve"]
"""
COREFILE = f""".:53 {{
    bind {NODE_IP}
    errors
    health 127.0.0.1:8081
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {STATE}/admin-inside.conf cluster
        pods insecure
    }}
    cache 5
}}
"""


def start_runtime() -> None:
    """containerd with runc, the pods' network, and the registry's address."""
    (STATE / "cni").mkdir()
    (STATE / "cni" / "10-bridge.conflist").write_text(json.dumps(_pod_network()))
    (STATE / "registries" / REGISTRY).mkdir(parents=True)
    (STATE / "registries" / REGISTRY / "hosts.toml").write_text(MIRROR)
    (STATE / "containerd.toml").write_text(CONTAINERD_CONFIG)
    daemons.start("containerd", "containerd", "--config", STATE / "containerd.toml")
    answers = lambda: succeeds("ctr", "-a", CONTAINERD, "version")  # noqa: E731
    wait_for("containerd", answers, daemons.log_of("containerd"), lambda: daemons.is_alive("containerd"))


def start_kubelet() -> None:
    """kubelet and kube-proxy."""
    (STATE / "resolv.conf").write_text(f"nameserver {NODE_IP}\n")
    (STATE / "kubelet.json").write_text(json.dumps(_kubelet()))
    files = (f"--config={STATE}/kubelet.json", f"--kubeconfig={STATE}/kubelet.conf", f"--root-dir={STATE}/kubelet")
    daemons.start("kubelet", BIN / "kube", "kubelet", *files, f"--hostname-override={NODE}", f"--node-ip={NODE_IP}")
    (STATE / "proxy.json").write_text(json.dumps(_proxy()))
    daemons.start("proxy", BIN / "kube", "kube-proxy", f"--config={STATE}/proxy.json")


def start_dns() -> None:
    """CoreDNS on the node's address."""
    (STATE / "Corefile").write_text(COREFILE)
    daemons.start("dns", BIN / "dns", "-conf", STATE / "Corefile")


def wait_for_node() -> None:
    """Until the node is ready; then give it the GPUs that it claims, and a storage class."""
    log, alive = daemons.log_of("kubelet"), lambda: daemons.is_alive("kubelet")
    wait_for("node", lambda: kube.answers("get", "node", NODE), log, alive)
    kube.kubectl("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=120s")
    kube.kubectl("label", "node", NODE, "nvidia.com/gpu.product=NVIDIA-H100-80GB-HBM3", "--overwrite")
    gpus = {"nvidia.com/gpu": str(GPUS)}
    status = json.dumps({"status": {"capacity": gpus, "allocatable": gpus}})
    kube.kubectl("patch", "node", NODE, "--subresource=status", "--type=merge", "-p", status)
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    storage = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "kubernetes.io/host-path"}
    kube.apply([{**storage, "metadata": {"name": "standard", "annotations": annotations}}])


def _pod_network() -> kube.Json:
    ipam = {
        "type": "host-local",
        "dataDir": str(STATE / "ipam"),
        "ranges": [[{"subnet": POD_CIDR, "gateway": NODE_IP}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "hairpinMode": True, "ipam": ipam}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]}


def _kubelet() -> kube.Json:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "maxOpenFiles": 20000,
        "maxPods": 200,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        "clusterDNS": [NODE_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": str(STATE / "resolv.conf"),
        "authentication": {"x509": {"clientCAFile": str(PKI / "ca.crt")}, "webhook": {"enabled": True}, "anonymous": {"enabled": False}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(PKI / "kubelet-serving.crt"),
        "tlsPrivateKeyFile": str(PKI / "kubelet-serving.key"),
        "imageGCHighThresholdPercent": 100,  # an image that was imported, and is in no registry, could not be pulled again
        "evictionHard": {"memory.available": "200Mi", "nodefs.available": "500Mi", "imagefs.available": "500Mi"},
        "featureGates": {"KubeletCrashLoopBackOffMax": True},
        "crashLoopBackOff": {"maxContainerRestartPeriod": "10s"},  # tests crash MinIO on purpose; the usual end of the delays is 5 min
        "evictionPressureTransitionPeriod": "10s",
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "serializeImagePulls": False,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "enforceNodeAllocatable": [],
        "podLogsDir": str(STATE / "pod-logs"),
        "staticPodPath": "",
        "volumePluginDir": str(STATE / "volume-plugins"),
    }


def _proxy() -> kube.Json:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": POD_CIDR,
        "hostnameOverride": NODE,
        "clientConnection": {"kubeconfig": str(STATE / "proxy.conf")},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
