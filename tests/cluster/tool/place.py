"""Where everything lies, which versions, which addresses."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PROGRAM = HERE / "cluster"
MODULES = HERE / "modules"
CACHE = Path(os.environ.get("CLUSTER_CACHE", Path.home() / ".cache" / "cluster"))
"""What took minutes to make: programs, sources, image layers. Survives `down`."""
STATE = Path(os.environ.get("CLUSTER_STATE", "/var/lib/cluster"))
"""The running node. Gone after `down`."""
BIN = CACHE / "bin"
LAYERS = CACHE / "registry"
LOGS, PKI, PIDS = STATE / "logs", STATE / "pki", STATE / "pids"
READY = STATE / "ready"
CONTAINERD = STATE / "containerd.sock"
ADMIN = STATE / "admin.conf"

KUBERNETES, ARGO, KUEUE, JOBSET, HELM, KWOK = "1.34.4", "4.0.7", "0.18.3", "0.12.0", "4.3.1", "0.8.0"
MINIO = "v0.0.0-20260212201848-7aac2a2c5b7c"
ARGO_MODULE, KUEUE_MODULE, JOBSET_MODULE = "github.com/argoproj/argo-workflows/v4", "sigs.k8s.io/kueue", "sigs.k8s.io/jobset"
OLDER_ARGO = {"3.7": ("github.com/argoproj/argo-workflows/v3", "3.7.18")}
"""Versions whose definitions are wanted for validation, and which nobody runs here."""

NETNS, NODE = "cluster", "node-1"
NODE_IP, POD_CIDR, SERVICE_CIDR = "10.244.0.1", "10.244.0.0/24", "10.96.0.0/16"
MINIO_IP = "10.96.0.90"
REGISTRY = "registry.local"
"""The name that pods use; the node's containerd asks the registry on its loopback instead."""
API_PORT, MINIO_PORT, REGISTRY_PORT = 6443, 9000, 5000
GPUS = 8
"""What the node claims to have, so that quotas and placement of GPU pods can be tried."""
ACCESS_KEY, SECRET_KEY = "minio-admin", "minio-admin-secret"
"""Of a MinIO that only the loopback of this machine reaches."""
