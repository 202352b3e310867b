"""Files to a repository on the Hugging Face hub: one commit, none where nothing changed, and never into the open by accident.

`HF_ENDPOINT` names another hub, as for every client of it; the token is read from the variable that the caller names.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nemoflow.errors import ConfigError, NemoflowError, ServiceError, ServiceRefused

RepoKind = Literal["model", "dataset"]


@dataclass(frozen=True)
class Pushed:
    """What the hub has now."""

    repo: str
    kind: RepoKind
    url: str
    commit: str
    """Of the repository after it."""
    changed: bool
    """False where the repository held all of it already."""
    private: bool


def push(repo: str, kind: RepoKind, files: Mapping[str, Path], *, private: bool, token_env: str, note: str) -> Pushed:
    """Make the repository where it is not there, and commit files by their paths in it.

    Raises ServiceRefused where it is there and public although `private` was asked for: what is to stay private must not go there.
    """
    hub = _connect(token_env)
    from huggingface_hub import CommitOperationAdd

    with _explained(repo):
        hub.create_repo(repo, repo_type=kind, private=private, exist_ok=True)
        before = hub.repo_info(repo, repo_type=kind)
        if private and not before.private:
            raise ServiceRefused(f"{repo}: is public, and private = true; name another repository, or set private = false")
        additions = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(path)) for name, path in sorted(files.items())]
        done = hub.create_commit(repo, additions, commit_message=note, repo_type=kind)
    prefix = "datasets/" if kind == "dataset" else ""
    return Pushed(repo, kind, f"{hub.endpoint}/{prefix}{repo}", str(done.oid), done.oid != before.sha, bool(before.private))


def _connect(token_env: str) -> Any:
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise ConfigError("the hub's client is not installed: pip install 'nemoflow[publish]'") from None
    token = os.environ.get(token_env)
    if not token:
        raise ConfigError(f"token_env: {token_env} is not set; a token of the hub that may write is right")
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)


@contextmanager
def _explained(repo: str) -> Iterator[None]:
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        yield
    except NemoflowError:
        raise
    except HfHubHTTPError as error:
        status = error.response.status_code
        said = (error.server_message or str(error).strip().splitlines()[0])[:300]
        refused = status < 500 and status not in (408, 409, 429)
        raise (ServiceRefused if refused else ServiceError)(f"hub, {repo}: {status} {said}") from None
    except (HFValidationError, ValueError) as error:
        raise ServiceRefused(f"hub, {repo}: {error}") from None
    except Exception as error:  # noqa: BLE001  the hub's client, its HTTP client and the system each have errors of their own for this
        raise ServiceError(f"hub, {repo}: cannot be reached ({type(error).__name__}: {str(error)[:200]})") from None
