"""Which keys are good: what a folder and a bucket can both hold, and what can never leave the root."""

import re
import uuid

from nemoflow.errors import ConfigError

TEMPORARY = ".tmp-"
"""How the names of unfinished files begin; listings leave them out, so no key may have such a segment."""

MAX_SEGMENT_BYTES = 255  # Linux's NAME_MAX, and what MinIO allows between two slashes
MAX_KEY_BYTES = 1024  # S3's limit, the prefix of the root included

CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_key(key: str) -> str:
    """Return a good key; ConfigError says what is wrong with another."""
    problem = _problem(key)
    if problem:
        raise ConfigError(f"key {key!r}: {problem}; a key is a relative path such as runs/demo/harvest/manifest.json")
    return key


def check_prefix(prefix: str) -> str:
    """The same for a prefix, which may be empty: everything."""
    return prefix and check_key(prefix)


def _problem(key: str) -> str | None:
    if not key:
        return "empty"
    if key.startswith("/"):
        return "absolute"
    if CONTROL.search(key):
        return "holds a control character"
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        return "is not valid Unicode (a lone surrogate)"
    if len(encoded) > MAX_KEY_BYTES:
        return f"{len(encoded)} bytes long, at most {MAX_KEY_BYTES} are possible"
    return next((problem for segment in key.split("/") if (problem := _segment_problem(segment))), None)


def _segment_problem(segment: str) -> str | None:
    if not segment:
        return "has an empty segment"
    if segment in (".", ".."):
        return f"has the segment {segment!r}"
    if segment.startswith(TEMPORARY):
        return f"has a segment that starts with {TEMPORARY!r}, which marks unfinished files"
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"has a segment of {len(segment.encode())} bytes, at most {MAX_SEGMENT_BYTES} are possible"
    return None


def temporary_name() -> str:
    """A fresh name for an unfinished file."""
    return f"{TEMPORARY}{uuid.uuid4().hex}"
