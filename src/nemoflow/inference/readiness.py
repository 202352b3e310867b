"""Whether a model endpoint is ready: its `/v1/models` lists the model.

Three outcomes: ready; not yet, with the reason in words; never, as an error that says what to change.
"""

import http.client
import json
import os
import re
import ssl
import time
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from nemoflow.errors import ConfigError, ProviderError, ProviderRefused, Stopped

LOOK_TIMEOUT_S = 5.0
SHORTEST_S, LONGEST_S = 0.1, 2.0
"""Pauses between looks: a solver is ready in half a second, a 30 B model in minutes."""
REMIND_S = 30.0
PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 that another try may not meet again."""
SHOWN_CHARS = 200


def base_url(url: str) -> str:
    """The API's base: `http://host:8000` and `http://host:8000/v1/` both become `http://host:8000/v1`.

    Raises ConfigError where it is no URL, or holds a password: it is written down, keys are not.
    """
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise ConfigError(f"url {url!r}: not a URL; http://host:port/v1 or https://host/v1 is right")
    if parts.username or parts.password or parts.query:
        raise ConfigError(f"url of host {parts.hostname}: no name, password or query; put a key into the variable that api_key_env names")
    path = parts.path.rstrip("/")
    return SplitResult(parts.scheme, parts.netloc, path if re.search(r"/v\d\w*$", path) else f"{path}/v1", "", "").geturl()


def read_key(variable: str) -> str:
    """The key in an environment variable; empty where no variable is named."""
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise ConfigError(f"environment variable {variable} is not set; api_key_env names it as the place of the endpoint's key")
    return key


def look(url: str, model: str, api_key_env: str = "", timeout_s: float = LOOK_TIMEOUT_S) -> str:
    """One look: empty where the model is ready, else why not yet.

    Raises ProviderRefused where the endpoint says no for good, ConfigError where it serves other models.
    """
    try:
        status, raw = _get(f"{url}/models", read_key(api_key_env), timeout_s)
    except ssl.SSLCertVerificationError as error:
        raise ProviderRefused(f"{url}: its certificate is not trusted: {error.verify_message}") from None
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except OSError as error:
        return f"nothing answers ({error.strerror or error})"
    except http.client.HTTPException as error:
        return f"what answers does not speak HTTP ({type(error).__name__})"
    if status in PASSING or status >= 500:
        return f"answers {status}"
    if status != 200:
        raise _refusal(url, status, raw, api_key_env)
    return _why_unlisted(url, model, raw)


def wait_until_ready(
    url: str,
    model: str,
    api_key_env: str,
    deadline_s: float,
    note: Callable[[str], None],
    check: Callable[[], None],
    stopping: Callable[[], bool],
    explain: Callable[[], str] = lambda: "",
) -> float:
    """Look until the model is listed and return the seconds it took; `check` raises where waiting has become pointless.

    `explain` may know better than the endpoint why it does not answer yet.

    Raises ProviderError at the deadline, Stopped when asked to stop.
    """
    begun = reminded = time.monotonic()
    pause, told = SHORTEST_S, ""
    while True:
        if stopping():
            raise Stopped(f"asked to stop while waiting for {model} at {url}")
        left = begun + deadline_s - time.monotonic()
        why = look(url, model, api_key_env, max(0.1, min(LOOK_TIMEOUT_S, left)))
        now = time.monotonic()
        check()
        if not why:
            return now - begun
        why = explain() or why
        if now - begun >= deadline_s:
            raise ProviderError(f"{url}: {model} is not ready after {deadline_s:g} s: {why}; is it running, and is deadline_s long enough?")
        if why != told or now - reminded >= REMIND_S:
            note(f"waiting for {model} at {url}, {now - begun:.0f} s of {deadline_s:g}: {why}")
            told, reminded = why, now
        time.sleep(min(pause, max(0.0, begun + deadline_s - now)))
        pause = min(pause * 1.5, LONGEST_S)


def _get(url: str, key: str, timeout_s: float) -> tuple[int, bytes]:
    """Status and body, without redirects and without a proxy."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path, headers={"Authorization": f"Bearer {key}"} if key else {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _refusal(url: str, status: int, raw: bytes, api_key_env: str) -> ProviderRefused:
    said = " ".join(raw[:2000].decode("utf-8", "replace").split())[:SHOWN_CHARS]
    key = read_key(api_key_env)
    said = said.replace(key, "***") if key else said  # servers repeat a wrong key
    if status in (401, 403):
        advice = f"check the key in {api_key_env}" if api_key_env else "it wants a key: name its environment variable in api_key_env"
    else:
        advice = "check that the URL is the API's own, such as http://host:8000/v1"
    return ProviderRefused(f'{url}/models: answers {status}: "{said}"; {advice}')


def _why_unlisted(url: str, model: str, raw: bytes) -> str:
    try:
        served = sorted(str(entry["id"]) for entry in json.loads(raw)["data"])
    except (ValueError, KeyError, TypeError):
        return "answers 200, but not with a list of models"
    if model in served:
        return ""
    if not served:
        return "lists no model yet"
    raise ConfigError(
        f"model {model!r}: {url} serves {', '.join(map(repr, served))}; name one of these, or start the endpoint with the right one"
    )
