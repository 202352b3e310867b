"""The API server of Kubernetes, as a teacher needs it: JSON in, JSON out, and its clock; its refusals as our errors.

Speaks as the pod's service account where it runs in one, else as the kubeconfig says.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from nemoflow.errors import ConfigError, ProviderError, ProviderRefused

Object = dict[str, Any]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CONNECT_S, READ_S = 2.0, 8.0
SHOWN_CHARS = 300
MISSING, CONFLICT = 404, 409
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Asks for an object's metadata alone: a Workflow may weigh a megabyte."""


@dataclass(frozen=True)
class Answer:
    """What the server said; only of a status that the caller expected."""

    status: int
    body: Object
    date: float
    """The server's clock, in seconds since 1970."""


@dataclass(frozen=True)
class ApiServer:
    """A server and the namespace that goes with it."""

    namespace: str
    _client: Any = field(repr=False)
    """An ApiClient of the `kubernetes` package."""

    @property
    def host(self) -> str:
        """The server's address."""
        return str(self._client.configuration.host)

    def call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        wish: str,
        query: Mapping[str, str] | None = None,
        expected: Sequence[int] = (),
        content: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """One request; statuses of 400 and more raise unless they are `expected`.

        `wish` names in messages what it is for: `Deployment a/b: scale it to 2`. Raises ProviderRefused (401, 403, 422), ProviderError.
        """
        headers = {"Accept": accept, **({"Content-Type": content} if body is not None else {})}
        request = self._client.param_serialize(
            method, path, query_params=list((query or {}).items()), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        with self._explained(wish):
            response = self._client.call_api(*request, _request_timeout=(CONNECT_S, READ_S))
            raw = response.read()
        if response.status >= 400 and response.status not in expected:
            raise _refusal(wish, response.status, raw)
        date = response.headers.get("Date")
        seconds = parsedate_to_datetime(date).timestamp() if date else 0.0
        return Answer(response.status, json.loads(raw) if response.status < 400 else {}, seconds)

    @contextmanager
    def _explained(self, wish: str) -> Iterator[None]:
        from urllib3.exceptions import HTTPError

        try:
            yield
        except (HTTPError, OSError) as error:
            raise ProviderError(f"{wish}: the API server {self.host} is away ({one_line(error)})") from None


def connect_api(namespace: str = "") -> ApiServer:
    """The server that this process has; ConfigError where it has none.

    `namespace` empty: the pod's own, or the one of the kubeconfig's context.
    """
    try:
        import urllib3
        from kubernetes import client, config
    except ImportError:
        raise ConfigError("kind \"deployment\" needs the package kubernetes: pip install 'nemoflow[argo]'") from None
    settings = client.Configuration()
    try:
        own = _load(config, settings)
    except (config.ConfigException, OSError) as error:
        raise ConfigError(f'kind "deployment": no cluster to speak to: {one_line(error)}; set KUBECONFIG') from None
    settings.retries = urllib3.Retry(total=2, connect=2, read=0, backoff_factor=0.2)
    return ApiServer(namespace or own, client.ApiClient(settings))


def _load(config: Any, settings: Any) -> str:
    """Fill in the settings and return the namespace that goes with them."""
    if "KUBERNETES_SERVICE_HOST" in os.environ and (ACCOUNT / "token").is_file():
        config.load_incluster_config(client_configuration=settings)
        return (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    file = os.environ.get("KUBECONFIG") or None  # the package looks at it once, when it is imported
    config.load_kube_config(file, client_configuration=settings)
    return str(config.list_kube_config_contexts(file)[1]["context"].get("namespace", "default"))


def _refusal(wish: str, status: int, raw: bytes) -> ProviderError:
    try:
        said = json.loads(raw)["message"]
    except (ValueError, KeyError, TypeError):
        said = raw.decode("utf-8", "replace")
    if status in (401, 403):
        return ProviderRefused(f"{wish}: not allowed: {one_line(said)}")
    if status in (400, 404, 405, 415, 422):
        return ProviderRefused(f"{wish}: refused with {status}: {one_line(said)}")
    return ProviderError(f"{wish}: the API server failed with {status}: {one_line(said)}")


def one_line(text: object) -> str:
    """A message without breaks, and not longer than a line or two."""
    return " ".join(str(text).split())[:SHOWN_CHARS]
