"""Who may call: a signature over the body, or a token. Keys lie in files, so that a Secret can be renewed while the server runs."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nemoflow.errors import ConfigError

SIGNATURE, TOKEN = "X-Hub-Signature-256", "Authorization"
LEAST_CHARS = 16


@dataclass(frozen=True)
class Keys:
    """A folder with the files `secret` (signs bodies) and `token` (a bearer's); one of them may be missing.

    Each line is a key of its own: while one is replaced, both the old and the new one are taken.
    """

    folder: Path

    def check(self) -> None:
        """ConfigError where nobody could ever be let in, or a key could be guessed."""
        found = {name: self._read(name) for name in ("secret", "token")}
        if not any(found.values()):
            raise ConfigError(f"{self.folder}: holds neither `secret` nor `token`; a file of one of these names, a key a line, is right")
        for name, keys in found.items():
            if any(len(key) < LEAST_CHARS for key in keys):
                raise ConfigError(f"{self.folder / name}: a key has fewer than {LEAST_CHARS} characters; `openssl rand -hex 32` makes one")

    def admit(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the caller has a key. A wrong signature is not mended by a right token."""
        if SIGNATURE in headers:
            given = _bytes(headers[SIGNATURE])
            signatures = [hmac.compare_digest(sign(key, body).encode(), given) for key in self._read("secret")]
            return any(signatures)
        scheme, _, given_token = headers.get(TOKEN, "").partition(" ")
        tokens = [hmac.compare_digest(key, _bytes(given_token.strip())) for key in self._read("token")]
        return scheme.lower() == "bearer" and any(tokens)

    def _read(self, name: str) -> list[bytes]:
        path = self.folder / name
        try:
            return [line.strip() for line in path.read_bytes().splitlines() if line.strip()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None


def sign(key: bytes, body: bytes) -> str:
    """What GitHub, Gitea and Forgejo write into X-Hub-Signature-256."""
    return f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"


def _bytes(header: str) -> bytes:
    """A header as it was sent; what is no UTF-8 in it was kept as surrogates."""
    return header.encode("utf-8", "surrogateescape")
