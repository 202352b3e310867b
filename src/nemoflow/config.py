"""Frozen configs: unknown keys and wrong types are refused with the key's full name, the value and what would be right."""

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from nemoflow.errors import ConfigError, InputError


class Config(BaseModel):
    """Base of every step's config. Each field is followed by a docstring line; the command line shows it as help."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def needs_image(self) -> str:
        """Which of the project's images a node of this config needs, where it is another than its step's; empty where it is not."""
        return ""


C = TypeVar("C", bound=Config)


def tuning(default: Any = ..., **constraints: Any) -> Any:
    """A field that is not part of the identity: it may change what a result costs, never what it is.

    Example: `concurrency: int = tuning(32, gt=0)`.
    """
    return Field(default, json_schema_extra={"identity": False}, **constraints)


def later(default: Any, **constraints: Any) -> Any:
    """A field that came after results were made without it: part of the identity only where it is not the default, so that they are found.

    Example: `modes: tuple[str, ...] = later(())`.
    """
    return Field(default, json_schema_extra={"identity": "where-set"}, **constraints)


def identity(config: Config) -> dict[str, Any]:
    """The fields that decide what a step produces, as JSON values; what the fingerprint hashes. Configs within it are asked the same."""
    kept = {name for name, field in type(config).model_fields.items() if _decides(field, getattr(config, name))}
    values = config.model_dump(mode="json", include=kept)
    for name in kept:
        values[name] = _identity_within(getattr(config, name), values[name])
    return values


def _decides(field: FieldInfo, value: Any) -> bool:
    told = field.json_schema_extra.get("identity") if isinstance(field.json_schema_extra, dict) else None
    return told is not False and (told != "where-set" or value != field.default)


def _identity_within(value: Any, dumped: Any) -> Any:
    if isinstance(value, Config):
        return identity(value)
    if isinstance(value, tuple):
        return [_identity_within(*pair) for pair in zip(value, dumped, strict=True)]
    return dumped


def build(cls: type[C], values: Mapping[str, Any], where: str, join: str = ".") -> C:
    """Make a config; a ConfigError names `where`.field (or what `join` puts between them), the value and what would be right.

    Values are taken as JSON has them, strictly: a list is right for a tuple and `3` for a float, `"4"` or `true` for a number is not.
    """
    try:
        return cls.model_validate_json(_as_json(values, where), strict=True)
    except ValidationError as error:
        lines = [_explain(cls, where, join, dict(problem)) for problem in error.errors()]
        raise ConfigError("; ".join(lines)) from None


def _as_json(values: Mapping[str, Any], where: str) -> str:
    """Through the standard library, since integers of more than 64 bits and `inf` are values too; the fields' bounds judge them."""

    def refuse(value: Any) -> Any:
        raise ConfigError(f"{where}: {value!r} is a {type(value).__name__}; text, numbers, true, false, lists and tables are right")

    return json.dumps(dict(values), default=refuse)


def _explain(cls: type[Config], where: str, join: str, problem: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in problem["loc"])
    name = f"{where}{join}{path}" if path else where
    if problem["type"] == "extra_forbidden":
        known = ", ".join(sorted(_fields_at(cls, problem["loc"][:-1])))
        return f"{name}: unknown key (value {problem['input']!r}); known keys: {known or 'none'}"
    if problem["type"] == "missing":
        return f"{name}: missing; it has no default"
    return f"{name}: {problem['msg'][0].lower()}{problem['msg'][1:]}, got {problem['input']!r}"


def _fields_at(cls: Any, path: Sequence[str | int]) -> Iterable[str]:
    """Fields of the model that a path leads to, through tables, lists and what may be None."""
    for part in path:
        cls = cls.model_fields[part].annotation if _is_model(cls) else _inner(cls)
        cls = _inner(cls) if get_origin(cls) in (Union, UnionType) else cls
    return cls.model_fields if _is_model(cls) else ()


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _inner(annotation: Any) -> Any:
    """What a table or list holds, or what there is but None."""
    return next((part for part in reversed(get_args(annotation)) if part not in (NoneType, Ellipsis)), None)


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file; InputError where it is missing, ConfigError with line and column where it is malformed."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; a workflow is a TOML file such as workflows/demo.toml") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; a workflow is a TOML file such as workflows/demo.toml") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
