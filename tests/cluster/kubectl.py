"""The API as tests talk to it: kubectl and its JSON."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
TIMEOUT_S = 240.0


class Refused(Exception):
    """The API server's answer was no; the message is its own."""


@dataclass(frozen=True)
class Kubectl:
    """A client with the rights of a kubeconfig, optionally of one namespace and as somebody else."""

    program: str
    kubeconfig: str
    namespace: str = "default"
    user: str = ""
    """Whom to impersonate, such as `system:serviceaccount:NAMESPACE:NAME`."""

    def __call__(self, *args: object, text: str | None = None) -> str:
        """Run kubectl; Refused where it fails."""
        who = [f"--as={self.user}"] if self.user else []
        command = [self.program, f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *who, *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, input=text, timeout=TIMEOUT_S)
        if done.returncode:
            raise Refused(done.stderr.strip())
        return done.stdout

    def get(self, kind: str, name: str = "", **labels: str) -> Json:
        """One object, or the list of a kind."""
        selector = [f"--selector={','.join(f'{key}={value}' for key, value in labels.items())}"] if labels else []
        found: Json = json.loads(self("get", kind, *([name] if name else []), *selector, "-o", "json"))
        return found

    def create(self, value: Mapping[str, Any], *options: str) -> Json:
        """The object as the server made it."""
        made: Json = json.loads(self("create", "-f", "-", "-o", "json", *options, text=json.dumps(value)))
        return made

    def validate(self, value: Mapping[str, Any]) -> None:
        """Let the server look at it and make nothing; Refused where a field is wrong or unknown."""
        self.create(value, "--dry-run=server", "--validate=strict")

    def wait_for(self, what: str, is_so: Callable[[], bool], seconds: float = 300) -> None:
        """Look five times a second; AssertionError when the time is up."""
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s; pods:\n{self('get', 'pods', '-o', 'wide')}"
            time.sleep(0.2)
