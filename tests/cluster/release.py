"""A release of the chart in a namespace of its own, on a real cluster."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from nemoflow.store.s3 import S3Store
from nemoflow.store.s3_server import Server

HERE = Path(__file__).parents[2]
CHART = HERE / "helm" / "nemoflow"
IMAGES = HERE / "build" / "images" / "images.json"
TIMEOUT = "180s"
USER = 65532


class Release:
    """The chart as `nemoflow` in a fresh namespace under PodSecurity `restricted`, with a bucket of its own.

    `environment` holds KUBECONFIG, the keys of an S3 server and the address that pods call it by.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.namespace = f"chart-{secrets.token_hex(3)}"
        self.bucket = f"{self.namespace}-results"
        labels = {"pod-security.kubernetes.io/enforce": "restricted", "nemoflow/test": "true"}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}})

    def run(self, program: str, *args: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        found = shutil.which(program, path=self.environment["PATH"])
        if found is None:
            pytest.skip(f"THE CHART IS NOT TRIED: no {program} on PATH")
        command = [found, "--namespace", self.namespace, *args]
        done = subprocess.run(command, env=dict(self.environment), input=stdin, capture_output=True, text=True, timeout=400)
        assert done.returncode == 0 or not check, f"{program} {' '.join(args)}\n{done.stdout}\n{done.stderr}"
        return done

    def kubectl(self, *args: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("kubectl", *args, stdin=stdin, check=check)

    def helm(self, *args: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("helm", *args, stdin=stdin, check=check)

    def apply(self, value: Mapping[str, Any]) -> None:
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(value))

    def get(self, kind: str, *more: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, *more, "-o", "json").stdout)["items"]
        return found

    def give_keys(self, secret_key: str = "") -> None:
        keys = {name: self.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        keys |= {"AWS_SECRET_ACCESS_KEY": secret_key} if secret_key else {}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "nemoflow-s3"}, "stringData": keys})

    def values(self, **changes: Any) -> str:
        """Values for this cluster; dots in a key are written as two underscores."""
        built = json.loads(IMAGES.read_text())
        values: dict[str, Any] = {
            "image": {"registry": built["images"]["data"]["reference"].partition("/nemoflow/")[0], "tag": built["tag"]},
            "s3": {"endpoint": self.environment["S3_ENDPOINT_IN_CLUSTER"], "buckets": [self.bucket]},
            "teacher": {"kind": "solver"},
        }
        for path, value in changes.items():
            section = values
            *parents, last = path.split("__")
            for key in parents:
                section = section.setdefault(key, {})
            section[last] = value
        return yaml.safe_dump(values)

    def install(self, *args: str, check: bool = True, wait: bool = True, **changes: Any) -> subprocess.CompletedProcess[str]:
        waiting = ("--wait", "--wait-for-jobs", "--timeout", TIMEOUT) if wait else ()
        command = ("upgrade", "--install", "nemoflow", str(CHART), "--values", "-", *waiting, *args)
        return self.helm(*command, stdin=self.values(**changes), check=check)

    def open_volumes(self) -> None:
        """Let pods write into volumes that are folders of this machine: whoever makes such a folder makes it root's."""
        self.kubectl("wait", "--for=jsonpath={.status.phase}=Bound", "persistentvolumeclaims", "--all", "--timeout=300s")
        for claim in self.get("persistentvolumeclaims"):
            volume = json.loads(self.kubectl("get", "persistentvolume", claim["spec"]["volumeName"], "-o", "json").stdout)
            path = Path(volume["spec"].get("hostPath", {}).get("path", "/nowhere"))
            if path.is_dir():
                os.chown(path, USER, USER)

    @property
    def root(self) -> str:
        return f"s3://{self.bucket}/results"

    def cluster_toml(self) -> str:
        """The committed cluster.toml with this release's names, its small pools for the reduced demo."""
        built = json.loads(IMAGES.read_text())
        registry = built["images"]["data"]["reference"].partition("/nemoflow/")[0]
        text = (HERE / "workflows" / "cluster.toml").read_text()
        for key, value in {"registry": registry, "tag": built["tag"], "namespace": self.namespace, "root": self.root}.items():
            line = next(line for line in text.splitlines() if line.startswith(f"{key} = "))
            text = text.replace(line, f'{key} = "{value}"')
        return text.replace("[workflows.demo]", "[workflows.reduced]")

    def remove(self) -> None:
        self.kubectl("delete", "namespace", self.namespace, "--wait=false")

    def remove_bucket(self) -> None:
        server = Server.from_environment(self.environment)
        for entry in S3Store(server, self.bucket, "").list(""):
            server.client().remove_object(self.bucket, entry.key)
        server.client().remove_bucket(self.bucket)
