"""JobSet: its own manifests. Its webhooks look at JobSets and their pods only."""

from . import kube, modules
from .place import JOBSET, JOBSET_MODULE, REGISTRY

CONTAINER = "/spec/template/spec/containers/0"
PUBLISHED = "us-central1-docker.pkg.dev/k8s-staging-images/jobset/jobset"
OVERLAY: kube.Json = {
    "resources": ["../base/default"],
    "images": [{"name": name, "newName": f"{REGISTRY}/jobset", "newTag": JOBSET} for name in ("controller", PUBLISHED)],
    "patches": [
        kube.patch(
            "Deployment",
            "jobset-controller-manager",
            kube.put(f"{CONTAINER}/command", ["/bin/jobset"], "replace"),
            kube.put(f"{CONTAINER}/imagePullPolicy", "IfNotPresent"),
            kube.put(f"{CONTAINER}/resources/requests/cpu", "20m", "replace"),
            kube.put(f"{CONTAINER}/resources/requests/memory", "64Mi", "replace"),
        )
    ],
}


def install() -> None:
    """Into the namespace `jobset-system`."""
    kube.apply_text(kube.kustomize("jobset", modules.folder(JOBSET_MODULE, JOBSET) / "config", OVERLAY))
