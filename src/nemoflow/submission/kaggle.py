"""Kaggle's board, through Kaggle's own client: what was submitted, how many more may be today, sending, looking after a score.

Keys come from where the client keeps them: `KAGGLE_API_TOKEN`, `KAGGLE_USERNAME` and `KAGGLE_KEY`, `~/.kaggle/access_token`,
`kaggle.json` in `KAGGLE_CONFIG_DIR` or `~/.kaggle`. `KAGGLE_API_ENVIRONMENT` chooses the server, as it does for the client. The
package `kaggle` itself is not imported: that signs in over the network, prints, and takes no notice of that variable. What is used is the
client beneath it, `kagglesdk`.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from nemoflow.errors import ConfigError, InputError, ServiceError, ServiceRefused

ANSWER_S = 60.0
"""For a connection, and between two bytes of an answer; the client itself would wait for ever."""
PAGE, MOST_PAGES = 100, 20


@dataclass(frozen=True)
class Posted:
    """A submission as the server tells of it."""

    ref: int
    at: datetime
    """UTC."""
    description: str
    status: Literal["pending", "complete", "error"]
    public: float | None = None
    private: float | None = None
    error: str = ""


class KaggleBoard:
    """One competition, as the signed-in user's team sees it."""

    def __init__(self, competition: str) -> None:
        self.competition = competition
        self._client = _connect()

    def listed(self) -> list[Posted]:
        """The team's submissions, the newest first."""
        from kagglesdk.competitions.types.competition_api_service import ApiListSubmissionsRequest

        found: list[Posted] = []
        token = ""
        for _ in range(MOST_PAGES):
            request = ApiListSubmissionsRequest()
            request.competition_name, request.page_size, request.page_token = self.competition, PAGE, token
            answer = self._ask("list_submissions", request)
            found += [_posted(one) for one in answer.submissions or () if one is not None]
            token = answer.next_page_token
            if not token:
                break
        return found

    def left_today(self) -> int:
        """How many more submissions the server takes today."""
        from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionLimitsRequest

        request = ApiGetSubmissionLimitsRequest()
        request.competition_name = self.competition
        return int(self._ask("get_submission_limits", request).num_allowed_now)

    def upload(self, path: Path, advance: Callable[[int], object]) -> str:
        """Bring the file there, which submits nothing yet; what `create` is told of it. `advance` hears of bytes."""
        from kagglesdk.competitions.types.competition_api_service import ApiStartSubmissionUploadRequest

        request = ApiStartSubmissionUploadRequest()
        request.competition_name, request.file_name = self.competition, path.name
        request.content_length, request.last_modified_epoch_seconds = path.stat().st_size, int(path.stat().st_mtime)
        answer = self._ask("start_submission_upload", request)
        with _explained(self.competition):
            _put(path, answer.create_url, advance)
        return str(answer.token)

    def create(self, token: str, description: str) -> int:
        """Submit what was uploaded; the server's name for it."""
        from kagglesdk.competitions.types.competition_api_service import ApiCreateSubmissionRequest

        request = ApiCreateSubmissionRequest()
        request.competition_name, request.blob_file_tokens, request.submission_description = self.competition, token, description
        answer = self._ask("create_submission", request)
        if not answer.ref:
            raise ServiceRefused(f"Kaggle, {self.competition}: {answer.message or 'the submission was not taken, and no reason was given'}")
        return int(answer.ref)

    def look(self, ref: int) -> Posted:
        """One submission as it is now."""
        from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionRequest

        request = ApiGetSubmissionRequest()
        request.ref = ref
        return _posted(self._ask("get_submission", request))

    def _ask(self, method: str, request: Any) -> Any:
        with _explained(self.competition), self._client as client:
            return getattr(client.competitions.competition_api_client, method)(request)


def _connect() -> Any:
    try:
        from kagglesdk import KaggleClient
        from requests.adapters import HTTPAdapter
    except ImportError:
        raise ConfigError("Kaggle's client is not installed: pip install 'nemoflow[kaggle]'") from None

    class Patient(HTTPAdapter):  # type: ignore[misc]  # requests has no types here
        def send(self, *args: Any, **kwargs: Any) -> Any:
            return super().send(*args, **{**kwargs, "timeout": ANSWER_S})

    user, key, token = _keys()
    try:
        client = KaggleClient(username=user, password=key, api_token=token, user_agent="nemoflow")
    except Exception as error:  # noqa: BLE001  its own class for an unknown KAGGLE_API_ENVIRONMENT is Exception
        raise ConfigError(f"Kaggle's client: {error}") from None
    http = client.http_client()
    with http:
        http._session.mount("http://", Patient())
        http._session.mount("https://", Patient())
    return client


def _keys() -> tuple[str | None, str | None, str | None]:
    """User and key, or a token; ConfigError where there are none. They are told to nobody."""
    from kagglesdk.kaggle_env import get_access_token_from_env

    token, _ = get_access_token_from_env()
    if token:
        return None, None, token
    user, key = os.environ.get("KAGGLE_USERNAME"), os.environ.get("KAGGLE_KEY")
    file = Path(os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle") / "kaggle.json"
    if not (user and key) and file.is_file():
        user, key = _read_keys(file)
    if not (user and key):
        raise ConfigError(
            f"no key for Kaggle: set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, or put the kaggle.json of your account at {file}"
        )
    return user, key, None


def _read_keys(file: Path) -> tuple[str | None, str | None]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        return str(values["username"]), str(values["key"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f'{file}: not what Kaggle gives; {{"username": "...", "key": "..."}} is right') from None


@contextmanager
def _explained(competition: str) -> Iterator[None]:
    """What the client raises, as errors of nemoflow: whether waiting helps, and what to look at."""
    from requests.exceptions import HTTPError, RequestException

    where = f"Kaggle, {competition}"
    try:
        yield
    except HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        said = str(error).partition(" for url: ")[0]
        if status == 429 or status >= 500 or not status:
            raise ServiceError(f"{where}: {status} {said}") from None
        raise ServiceRefused(f"{where}: {status} {said}{HINTS.get(status, '')}") from None
    except RequestException as error:
        raise ServiceError(f"{where}: did not answer ({type(error).__name__})") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # what its client does with an answer that is none of Kaggle's
        raise ServiceError(f"{where}: answered what is no answer of its own ({type(error).__name__}: {str(error)[:200]})") from None


HINTS = {
    401: "; is the key still valid?",
    403: "; has the team accepted the competition's rules, and is it still open?",
    404: "; the competition is named as in its address, kaggle.com/competitions/NAME",
}


def _put(path: Path, url: str, advance: Callable[[int], object]) -> None:
    import requests

    with path.open("rb") as file:
        answer = requests.put(url, data=_Told(file, path.stat().st_size, advance), timeout=ANSWER_S)
    answer.raise_for_status()


class _Told:
    """A file that tells how much of it was read; requests takes its length from `len`."""

    def __init__(self, file: Any, size: int, advance: Callable[[int], object]) -> None:
        self._file, self._size, self._advance = file, size, advance

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        block: bytes = self._file.read(size)
        self._advance(len(block))
        return block


def _posted(one: Any) -> Posted:
    status = one.status.name.lower()
    at = one.date or datetime.fromtimestamp(0, UTC)
    return Posted(
        ref=int(one.ref),
        at=at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC),
        description=one.description,
        status="complete" if status == "complete" else "error" if status == "error" else "pending",
        public=_score(one.public_score),
        private=_score(one.private_score),
        error=one.error_description,
    )


def _score(text: str) -> float | None:
    """A score, which the server tells as text; None where there is none (yet)."""
    try:
        return float(text)
    except ValueError:
        return None
