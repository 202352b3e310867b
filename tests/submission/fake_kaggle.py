"""A board over real HTTP, as Kaggle's client asks it: it keeps submissions, and can fail where a test wants it to.

The client goes to http://localhost:7777 where `KAGGLE_API_ENVIRONMENT` is TEST, and through `HTTP_PROXY` as any client does; so the proxy
that `environment` names is this server, on a port of its own.
"""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tests.submission.served import JsonHandler, served

KEY = "0123456789abcdef-not-to-be-told"
SERVICE = "competitions.CompetitionApiService"


class FakeKaggle:
    """What the board holds and what it was asked."""

    def __init__(self) -> None:
        self.submissions: list[dict] = []
        self.uploads: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.credentials: set[str] = set()
        self.per_day = 5
        self.looks_until_scored = 1
        self.outcome = {"status": "COMPLETE", "publicScore": "0.86"}
        self.fail: dict[str, list[int]] = {}
        """Method -> HTTP statuses of its next answers."""
        self.dies_after_create = False
        """The submission is taken, and the answer is lost."""
        self.hides_new = 0
        """So many listings do not show what was submitted last."""
        self.port = 0
        self.lock = threading.Lock()

    @property
    def environment(self) -> dict[str, str]:
        proxy = f"http://127.0.0.1:{self.port}"
        return {
            "KAGGLE_API_ENVIRONMENT": "TEST",
            "HTTP_PROXY": proxy,
            "http_proxy": proxy,
            "NO_PROXY": "",
            "no_proxy": "",
            "KAGGLE_USERNAME": "team",
            "KAGGLE_KEY": KEY,
            "KAGGLE_API_TOKEN": "",
        }

    def add(self, description: str, days_ago: float = 0, **fields: object) -> int:
        at = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days_ago)
        ref = 1000 + len(self.submissions)
        row = {"ref": ref, "date": at.isoformat(timespec="milliseconds") + "Z", "description": description, "fileName": "submission.zip"}
        self.submissions.append({**row, "status": "PENDING", "looks": 0, **fields})
        return ref

    def answer(self, method: str, body: dict) -> dict:
        if method == "ListSubmissions":
            hidden, self.hides_new = int(self.hides_new > 0), max(0, self.hides_new - 1)
            shown = self.submissions[: len(self.submissions) - hidden][::-1]
            start, size = int(body.get("pageToken") or 0), 3
            rest = str(start + size) if start + size < len(shown) else ""
            return {"submissions": [self._shown(row) for row in shown[start : start + size]], "nextPageToken": rest}
        if method == "GetSubmissionLimits":
            return {"numAllowedNow": max(0, self.per_day - self.today())}
        if method == "StartSubmissionUpload":
            token = f"blob-{len(self.uploads)}"
            return {"token": token, "createUrl": f"http://127.0.0.1:{self.port}/upload/{token}"}
        if method == "CreateSubmission":
            assert body["blobFileTokens"] in self.uploads, "nothing was uploaded under this token"
            ref = self.add(body.get("submissionDescription", ""), bytes=len(self.uploads[body["blobFileTokens"]]))
            return {"message": "Successfully submitted", "ref": ref}
        if method == "GetSubmission":
            row = next(row for row in self.submissions if row["ref"] == body["ref"])
            row["looks"] += 1
            if row["looks"] > self.looks_until_scored and row["status"] == "PENDING":
                row.update(self.outcome)
            return self._shown(row)
        raise AssertionError(f"the board was asked {method}")

    def today(self) -> int:
        return sum(row["date"][:10] == datetime.now(UTC).date().isoformat() for row in self.submissions)

    def _shown(self, row: dict) -> dict:
        return {name: value for name, value in row.items() if name not in ("looks", "bytes")}


def _handler(board: FakeKaggle) -> type[JsonHandler]:
    class Handler(JsonHandler):
        def do_POST(self) -> None:  # noqa: N802
            method, body = self.path.rpartition("/")[2], json.loads(self.body() or b"{}")
            with board.lock:
                board.asked.append(method)
                scheme, _, shown = self.headers.get("Authorization", "").partition(" ")
                board.credentials.add(base64.b64decode(shown).decode() if scheme == "Basic" else shown)
                assert f"/api/v1/{SERVICE}/" in self.path
                if board.fail.get(method):
                    return self.say(board.fail[method].pop(0), {"code": 0, "message": "as the test wants it"})
                answer = board.answer(method, body)
                if method == "CreateSubmission" and board.dies_after_create:
                    board.dies_after_create = False
                    return self.connection.shutdown(socket.SHUT_RDWR)
            return self.say(200, answer)

        def do_PUT(self) -> None:  # noqa: N802
            data = self.body()
            with board.lock:
                board.asked.append("upload")
                if board.fail.get("upload"):
                    return self.say(board.fail["upload"].pop(0), {})
                board.uploads[self.path.rpartition("/")[2]] = data
            return self.say(200, {})

    return Handler


@contextmanager
def fake_kaggle() -> Iterator[FakeKaggle]:
    board = FakeKaggle()
    with served(_handler(board)) as board.port:
        yield board
