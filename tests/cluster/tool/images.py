"""Images on the node: made of files without a builder, imported from archives, or pulled from the registry of the node."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import daemons
from .network import start_forward
from .place import ARGO, BIN, CONTAINERD, JOBSET, KUEUE, LAYERS, NODE_IP, REGISTRY, REGISTRY_PORT
from .shell import Failure

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
TAGS = {
    "argo": {"argoexec": ARGO, "workflow-controller": ARGO},
    "jobset": {"jobset": JOBSET},
    "kueue": {"kueue": KUEUE},
    "minio": {"minio": "1"},
}
"""Programs that run in pods, and their tags, by the part that needs them."""
MOST_LAYERS = 8 * 2**30


def start_registry() -> None:
    """The registry. Its layers outlive the cluster so that a push after the next start sends manifests only."""
    LAYERS.mkdir(parents=True, exist_ok=True)
    if sum(path.stat().st_size for path in LAYERS.rglob("*") if path.is_file()) > MOST_LAYERS:
        shutil.rmtree(LAYERS)
        LAYERS.mkdir()
    daemons.start("registry", BIN / "registry", f":{REGISTRY_PORT}", LAYERS)
    start_forward(REGISTRY_PORT, f"{NODE_IP}:{REGISTRY_PORT}")


def load_pause() -> None:
    """The image of every pod's first process."""
    load("pause", archive(f"{REGISTRY}/pause:1", {"/pause": BIN / "pause"}, ["/pause"], "65535"))


def load_part(part: str) -> None:
    """The images of a part: one static program and the certificates each."""
    for name, tag in TAGS[part].items():
        files = {f"/bin/{name}": BIN / name, str(CERTIFICATES): CERTIFICATES}
        load(name, archive(f"{REGISTRY}/{name}:{tag}", files, [f"/bin/{name}"]))


def load(name: str, data: bytes | Path) -> None:
    """Import an archive into the kubelet's namespace of containerd; a file is made known as NAME."""
    command = ["ctr", "-a", str(CONTAINERD), "-n", "k8s.io", "images", "import"]
    source = ["--index-name", name, str(data)] if isinstance(data, Path) else ["-"]
    done = subprocess.run([*command, *source], input=None if isinstance(data, Path) else data, capture_output=True)
    if done.returncode:
        raise Failure(f"import of image {name}: {done.stderr.decode(errors='replace')[-2000:]}")


def archive(name: str, files: Mapping[str, Path], command: Sequence[str], user: str = "8737") -> bytes:
    """A docker archive of one layer; FILES maps a path in the image to a local file."""
    layer = _layer(files)
    digest = hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": list(command), "User": user, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created_by": "cluster"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        _add(tar, "manifest.json", json.dumps(manifest).encode())
        _add(tar, "config.json", json.dumps(config).encode())
        _add(tar, "layer.tar", layer)
    return out.getvalue()


def _layer(files: Mapping[str, Path]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        parents = {str(parent) for path in files for parent in Path(path.lstrip("/")).parents if str(parent) != "."}
        for folder in sorted({"tmp"} | parents):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(info)
        for path, source in files.items():
            _add(tar, path.lstrip("/"), source.read_bytes())
    return out.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o755
    tar.addfile(info, io.BytesIO(data))
