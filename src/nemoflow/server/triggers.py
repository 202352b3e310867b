"""Triggers: which push or new object starts which run, as a frozen value; matching is pure.

max_age_s = 172800
[pushes.demo]
repository = "team/pipelines"
branch = "main"
paths = ["workflows/demo.*"]
template = "nemoflow-demo"
[objects.gsm8k]
bucket = "datasets"
key = "gsm8k/*/dataset.json"
template = "nemoflow-demo"
set = {"inputs.problems" = "{folder}/problems.jsonl"}
"""

import hashlib
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import Field, StringConstraints, model_validator

from nemoflow.argo.start import Start
from nemoflow.config import Config, build, read_toml
from nemoflow.errors import ConfigError, InputError
from nemoflow.server.events import NewObject, Push

TriggerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")]
Template = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=255)]
NAMED_CHARS = 12
"""Of a commit or digest in a run's name: 48 bits."""
SLACK = timedelta(minutes=5)
"""How far the sender's clock may be ahead."""


class _Trigger(Config):
    template: Template
    """WorkflowTemplate to start: one of the chart's, or one that the repository itself applies."""
    root: Annotated[str, StringConstraints(pattern=r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s{}]*)?)?$")] = ""
    """Where results lie; empty is the template's own."""
    set: dict[str, Any] = Field({})
    """Overrides (node.field), as of `nemoflow submit --set`."""

    def _parameters(self, sets: dict[str, Any]) -> dict[str, str]:
        text = orjson.dumps(sets).decode()
        return {**({"root": self.root} if self.root else {}), **({"set": text} if sets else {})}


class PushTrigger(_Trigger):
    """A run for each push that touches something."""

    repository: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    """Its full name, `owner/name`."""
    branch: Glob = "main"
    """Name or pattern, such as `release-*`."""
    paths: tuple[Glob, ...] = ()
    """Patterns of files of which one must have been touched; empty is any. A push that does not say what it touched counts."""

    def why_not(self, push: Push) -> str:
        """Why a push does not concern it; empty where it does."""
        if push.repository.full_name != self.repository:
            return f"repository is not {self.repository}"
        if push.is_deletion or not push.branch or not fnmatchcase(push.branch, self.branch):
            return f"not a push to branch {self.branch}"
        files = push.files
        if self.paths and files and not any(fnmatchcase(file, path) for file in files for path in self.paths):
            return f"touches none of {', '.join(self.paths)}"
        return ""

    def start(self, name: str, push: Push) -> Start:
        """The run of a commit."""
        causes = {"repository": self.repository, "branch": push.branch, "commit": push.after}
        return Start(name, f"{name}-{push.after[:NAMED_CHARS]}", self.template, self._parameters(self.set), causes)


class ObjectTrigger(_Trigger):
    """A run for each new version of an object. In texts of `set`, {object} and {folder} stand for its address and that of its folder."""

    bucket: Annotated[str, StringConstraints(min_length=3, max_length=63)]
    """Its bucket."""
    key: Glob
    """Name or pattern of its key. Let it be a small file that is written when all others are there."""

    def why_not(self, found: NewObject) -> str:
        """Why an object does not concern it; empty where it does."""
        if found.bucket != self.bucket:
            return f"bucket is not {self.bucket}"
        return "" if fnmatchcase(found.key, self.key) else f"key is not like {self.key}"

    def start(self, name: str, found: NewObject) -> Start:
        """The run of an object's version."""
        if "{{" in found.key or '"' in found.key:
            raise InputError(f"object {found.uri!r}: a key with {{{{ or quotes cannot be handed to Argo; name it otherwise")
        text = orjson.dumps([found.bucket, found.key, found.version])
        words = {"{object}": found.uri, "{folder}": found.folder}
        sets = {key: _filled(value, words) for key, value in self.set.items()}
        run = f"{name}-{hashlib.sha256(text).hexdigest()[:NAMED_CHARS]}"
        return Start(name, run, self.template, self._parameters(sets), {"object": found.uri, "version": found.version})


def _filled(value: Any, words: dict[str, str]) -> Any:
    if not isinstance(value, str):
        return value
    for word, meant in words.items():
        value = value.replace(word, meant)
    return value


class Triggers(Config):
    """All of a receiver's rules."""

    pushes: dict[TriggerName, PushTrigger] = Field({})
    """By name; a run is called NAME-COMMIT."""
    objects: dict[TriggerName, ObjectTrigger] = Field({})
    """By name; a run is called NAME-DIGEST."""
    max_age_s: Annotated[int, Field(ge=60, le=30 * 86400)] = 2 * 86400
    """Older events start nothing. Keep it under the time that a finished Workflow stays, so that an old delivery meets its Workflow."""
    starts_per_hour: Annotated[int, Field(ge=1, le=3600)] = 12
    """Runs that one trigger may start in an hour; more are refused with 429."""

    @model_validator(mode="after")
    def _check(self) -> "Triggers":
        both = sorted(set(self.pushes) & set(self.objects))
        if both:
            raise ValueError(f"{both[0]!r} is the name of a push's trigger and of an object's; runs would share names")
        if not self.pushes and not self.objects:
            raise ValueError("neither pushes nor objects: nothing would ever start")
        texts = orjson.dumps([trigger.set for trigger in (*self.pushes.values(), *self.objects.values())])
        if b"{{" in texts:
            raise ValueError("set: holds {{, which Argo takes for a parameter; write it with a space between")
        return self

    def of_push(self, push: Push) -> tuple[list[Start], list[str]]:
        """Runs that a push starts, and why the other triggers do not."""
        return _matching(self.pushes.items(), push)

    def of_object(self, found: NewObject) -> tuple[list[Start], list[str]]:
        """The same for a new object."""
        return _matching(self.objects.items(), found)

    def why_too_old(self, when: datetime | None, now: datetime | None = None) -> str:
        """What is wrong with an event's time; empty where nothing is, or where it has none."""
        if when is None:
            return ""
        known = when if when.tzinfo else when.replace(tzinfo=UTC)
        age = (now or datetime.now(UTC)) - known
        if age > timedelta(seconds=self.max_age_s):
            return f"is of {known.isoformat(timespec='seconds')}, more than {self.max_age_s} s ago; start the run by hand if it is meant"
        return f"is of {known.isoformat(timespec='seconds')}, which is yet to come" if age < -SLACK else ""


def _matching(triggers: Any, event: Any) -> tuple[list[Start], list[str]]:
    known = [(name, trigger, trigger.why_not(event)) for name, trigger in triggers]
    starts = [trigger.start(name, event) for name, trigger, why in known if not why]
    return starts, [f"{name}: {why}" for name, _, why in known if why]


def load_triggers(path: Path) -> Triggers:
    """Read a .toml or .json file; ConfigError names file, key, value and what would be right."""
    if path.suffix != ".json":
        return build(Triggers, read_toml(path), str(path), join=": ")
    try:
        values = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: a JSON object is right")
    return build(Triggers, values, str(path), join=": ")
