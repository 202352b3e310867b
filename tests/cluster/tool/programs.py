"""The programs: each compiled once from its Go module and kept in the cache under a stamp of its source and flags."""

import fcntl
import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .modules import repaired_argo
from .place import ARGO, ARGO_MODULE, BIN, CACHE, HELM, JOBSET, JOBSET_MODULE, KUBERNETES, KUEUE, KUEUE_MODULE, KWOK, MINIO, MODULES
from .shell import run, say, step

COMPONENTS = ("kubectl", "kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


def _version(*packages: str, version: str) -> str:
    """Linker flags that give Kubernetes' packages their version."""
    major, minor, _ = version.split(".")
    facts = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean", "gitCommit": "module"}
    return " ".join(f"-X {package}.{key}={value}" for package in packages for key, value in facts.items())


@dataclass(frozen=True)
class Program:
    """A package of a published module at an exact version, or a folder of modules/ where `module` is empty."""

    package: str
    module: str = ""
    version: str = ""
    flags: str = ""
    beside: str = ""
    """A module and its version whose choice of shared modules is taken: what was compiled for its program is then used again."""

    @property
    def stamp(self) -> str:
        """Changes with source, version and flags."""
        own = sorted(path for path in (MODULES / self.package).glob("*") if path.is_file()) if not self.module else []
        text = "".join(path.read_text() for path in own) or f"{self.package} {self.module} {self.version} {self.beside}".rstrip()
        return hashlib.sha256((text + self.flags).encode()).hexdigest()[:12]


_ARGO_FLAGS = f"-X {ARGO_MODULE}.version=v{ARGO}"
_CLIENT_GO = "k8s.io/client-go/pkg/version"
PROGRAMS = {
    "kube": Program("kube", flags=_version("k8s.io/component-base/version", _CLIENT_GO, version=KUBERNETES)),
    "etcd": Program("etcd"),
    "dns": Program("dns"),
    "pause": Program("pause"),
    "registry": Program("registry"),
    "argoexec": Program(f"{ARGO_MODULE}/cmd/argoexec", ARGO_MODULE, f"v{ARGO}", _ARGO_FLAGS),
    "workflow-controller": Program(f"{ARGO_MODULE}/cmd/workflow-controller", ARGO_MODULE, f"v{ARGO}", _ARGO_FLAGS),
    "argo": Program(f"{ARGO_MODULE}/cmd/argo", ARGO_MODULE, f"v{ARGO}", _ARGO_FLAGS),
    "minio": Program("github.com/minio/minio", "github.com/minio/minio", MINIO),
    "kueue": Program(f"{KUEUE_MODULE}/cmd/kueue", KUEUE_MODULE, f"v{KUEUE}"),
    "jobset": Program(JOBSET_MODULE, JOBSET_MODULE, f"v{JOBSET}", beside=f"{KUEUE_MODULE} v{KUEUE}"),
    "helm": Program("helm.sh/helm/v4/cmd/helm", "helm.sh/helm/v4", f"v{HELM}", _version(_CLIENT_GO, version=KUBERNETES)),
    "kwok": Program("sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok", f"v{KWOK}"),
}
ON_DEMAND = ("kwok",)
"""Not needed for a cluster: plays nodes by the thousand in a benchmark."""
ALWAYS = tuple(name for name in PROGRAMS if name not in ON_DEMAND)

OF_NODE = ("kube", "etcd", "dns", "pause", "registry")
OF_PART = {"minio": ("minio",), "argo": ("argoexec", "workflow-controller"), "jobset": ("jobset",), "kueue": ("kueue",)}


def build(names: Sequence[str] = ALWAYS) -> None:
    """Compile what the cache lacks of these."""
    BIN.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time():
        for name in names:
            stamp = BIN / f".{name}.{PROGRAMS[name].stamp}"
            if not (stamp.exists() and (BIN / name).exists()):
                with step(f"build {name}"):
                    _compile(name, stamp)
        for component in COMPONENTS:
            if not (BIN / component).is_symlink():
                (BIN / component).symlink_to("kube")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """A second build waits for the first and then finds its work done."""
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile(name: str, stamp: Path) -> None:
    say(f"building {name}")
    begun, program = time.monotonic(), PROGRAMS[name]
    work = CACHE / "modules" / name
    shutil.rmtree(work, ignore_errors=True)
    if program.module:
        _throw_away_module(name, program, work)
    else:
        shutil.copytree(MODULES / program.package, work)
    source = program.package if program.module else "."
    flags = f"-ldflags=-s -w {program.flags}"
    run("nice", "go", "build", "-mod=mod", "-trimpath", flags, "-o", BIN / name, source, cwd=work, env={"CGO_ENABLED": "0"})
    for old in BIN.glob(f".{name}.*"):
        old.unlink()
    stamp.touch()
    say(f"built {name} in {time.monotonic() - begun:.0f} s, {(BIN / name).stat().st_size >> 20} MiB")


def _throw_away_module(name: str, program: Program, work: Path) -> None:
    """A module that requires the exact version. `go install PACKAGE@VERSION` would ask the proxy for a list of versions besides."""
    work.mkdir(parents=True)
    wanted = "".join(f"require {one}\n" for one in (f"{program.module} {program.version}", program.beside) if one)
    (work / "go.mod").write_text(f"module cluster/{name}\n\ngo 1.26\n\n{wanted}")
    if program.module == ARGO_MODULE:
        run("go", "mod", "edit", f"-replace={ARGO_MODULE}={repaired_argo()}", cwd=work)
