"""What callers tell: a push to a repository, new objects in a bucket; read from the bodies that Git servers and S3 servers send."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import unquote_plus

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nemoflow.errors import InputError

NOBODY = re.compile(r"0+")
"""The commit of a branch that is gone."""
BRANCH = "refs/heads/"


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Commit(_Told):
    added: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    timestamp: datetime | None = None


class _Repository(_Told):
    full_name: str = Field(min_length=1, max_length=255)
    pushed_at: Annotated[int, Field(ge=0, lt=2**33)] | datetime | None = None


class Push(_Told):
    """A push, as GitHub tells it and Gitea and Forgejo after it."""

    ref: str = Field(max_length=1024)
    after: str = Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")
    """The commit that the branch is at now."""
    repository: _Repository
    commits: tuple[_Commit, ...] = ()
    head_commit: _Commit | None = None

    @property
    def branch(self) -> str:
        """The branch's name; empty for a tag."""
        return self.ref.removeprefix(BRANCH) if self.ref.startswith(BRANCH) else ""

    @property
    def is_deletion(self) -> bool:
        """Whether the branch is gone."""
        return bool(NOBODY.fullmatch(self.after))

    @property
    def files(self) -> frozenset[str]:
        """Paths that the push touched; empty where it does not say, as for a branch set back."""
        return frozenset(path for commit in self.commits for path in (*commit.added, *commit.modified, *commit.removed))

    @property
    def when(self) -> datetime | None:
        """When it happened: of the push where the server says so, else of its newest commit."""
        pushed = self.repository.pushed_at
        if isinstance(pushed, int):
            return datetime.fromtimestamp(pushed, UTC)
        return pushed or (self.head_commit.timestamp if self.head_commit else None)


class NewObject(_Told):
    """An object that appeared in a bucket."""

    bucket: str
    key: str
    version: str
    """Of the object where its bucket keeps versions, else the digest of its bytes."""
    when: datetime | None = None

    @property
    def uri(self) -> str:
        """Its address."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def folder(self) -> str:
        """Address of what it lies in."""
        return self.uri.rpartition("/")[0]


def read_push(body: bytes) -> Push:
    """InputError names the field that is missing or wrong."""
    try:
        return Push.model_validate(_object(body))
    except ValidationError as error:
        raise _wrong("push", error) from None


def read_objects(body: bytes) -> list[NewObject]:
    """New objects of a notification in the form that S3 and MinIO send; other events are left out."""
    records = _object(body).get("Records")
    if not isinstance(records, list):
        raise InputError("notification: Records: a list of S3 event records is right")
    try:
        return list(_new_objects(records))
    except ValidationError as error:
        raise _wrong("notification", error) from None
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"notification: a record without s3.bucket.name, s3.object.key and s3.object.eTag ({error})") from None


def _new_objects(records: list[Any]) -> Iterator[NewObject]:
    for record in records:
        if "ObjectCreated:" in record["eventName"]:
            found = record["s3"]["object"]
            version = found.get("versionId") or found["eTag"]
            made = {"bucket": record["s3"]["bucket"]["name"], "key": unquote_plus(found["key"]), "version": version}
            yield NewObject.model_validate({**made, "when": record.get("eventTime")})


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"body: not JSON ({error}); let the sender use the content type application/json") from None
    if not isinstance(found, dict):
        raise InputError("body: a JSON object is right")
    return found


def _wrong(what: str, error: ValidationError) -> InputError:
    problem = error.errors()[0]
    return InputError(f"{what}: {'.'.join(map(str, problem['loc']))}: {problem['msg'][0].lower()}{problem['msg'][1:]}")
