"""A hub over real HTTP, as its client commits to it: repositories with files, small ones in the commit, large ones by LFS."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.submission.served import JsonHandler, served

TOKEN = "hf_0123456789-not-to-be-told"


class FakeHub:
    def __init__(self) -> None:
        self.repos: dict[str, dict] = {}
        """`models/OWNER/NAME` -> private, files, commits."""
        self.blobs: dict[str, bytes] = {}
        self.tokens: set[str] = set()
        self.fail: list[int] = []
        """Statuses of the next commits."""
        self.port = 0

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HF_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }

    def oid(self, name: str, path: str) -> str | None:
        data = self.repos[name]["files"].get(path)
        if data is None:
            return None
        is_large = path.endswith(".safetensors")
        return hashlib.sha256(data).hexdigest() if is_large else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    def sha(self, name: str) -> str:
        return hashlib.sha1(str(self.repos[name]["commits"]).encode()).hexdigest()

    def create(self, body: dict) -> tuple[int, dict]:
        name = f"{body.get('type', 'model')}s/{body['organization']}/{body['name']}"
        if name in self.repos:
            return 409, {"error": "You already created this repo", "url": name}
        self.repos[name] = {"private": body.get("visibility") == "private", "files": {}, "commits": 0}
        return 200, {"url": f"http://127.0.0.1:{self.port}/{name.removeprefix('models/')}"}

    def commit(self, name: str, lines: list[dict]) -> tuple[int, dict]:
        if self.fail:
            return self.fail.pop(0), {"error": "as the test wants it"}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.repos[name]["files"][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.repos[name]["files"][value["path"]] = self.blobs[value["oid"]]
        self.repos[name]["commits"] += 1
        return 200, {"commitUrl": f"http://127.0.0.1:{self.port}/{name}/commit/{self.sha(name)}", "commitOid": self.sha(name)}

    def answer(self, path: str, body: bytes) -> tuple[int, dict]:
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if path.endswith("/info/lfs/objects/batch"):
            asked = json.loads(body)["objects"]
            link = {"upload": {"href": f"http://127.0.0.1:{self.port}/blobs/"}}
            rows = [
                {**one, **({} if one["oid"] in self.blobs else {"actions": {"upload": {"href": link["upload"]["href"] + one["oid"]}}})}
                for one in asked
            ]
            return 200, {"transfer": "basic", "objects": rows}
        name = "/".join(parts[1:4])
        if "preupload" in parts:
            files = [one["path"] for one in json.loads(body)["files"]]
            told = [
                {
                    "path": one,
                    "uploadMode": "lfs" if one.endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                    "oid": self.oid(name, one),
                }
                for one in files
            ]
            return 200, {"files": told}
        return self.commit(name, [json.loads(line) for line in body.splitlines()])


def _handler(hub: FakeHub) -> type[JsonHandler]:
    class Handler(JsonHandler):
        def do_GET(self) -> None:  # noqa: N802
            hub.tokens.add(self.headers.get("Authorization", ""))
            name = "/".join(self.path.partition("?")[0].strip("/").split("/")[1:4])
            if name not in hub.repos:
                return self.say(404, {"error": "Repository not found"})
            repo_id = name.partition("/")[2]
            return self.say(200, {"id": repo_id, "sha": hub.sha(name), "private": hub.repos[name]["private"], "siblings": []})

        def do_POST(self) -> None:  # noqa: N802
            hub.tokens.add(self.headers.get("Authorization", ""))
            self.say(*hub.answer(self.path.partition("?")[0], self.body()))

        def do_PUT(self) -> None:  # noqa: N802
            hub.blobs[self.path.rpartition("/")[2]] = self.body()
            self.say(200, {})

    return Handler


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    hub = FakeHub()
    with served(_handler(hub)) as hub.port:
        yield hub
