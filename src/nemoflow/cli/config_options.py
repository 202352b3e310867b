"""Options of a command from a step's config: one an option, its help the field's own."""

import ast
import inspect
import textwrap
import types
import typing
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, TypeVar

import click
import orjson

from nemoflow.config import Config, build
from nemoflow.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=Config)


def options_of(config: type[Config], *, without: tuple[str, ...] = ()) -> Callable[[F], F]:
    """An option for each field; what is not given keeps the config's default."""

    def apply(command: F) -> F:
        helps = field_docstrings(config)
        for name, field in reversed(config.model_fields.items()):
            if name not in without:
                command = _option(name, field.annotation, helps.get(name, ""), field.default)(command)
        return command

    return apply


def field_docstrings(config: type[Config]) -> dict[str, str]:
    """The docstring line behind each field, in one line, inherited ones too.

    Read here and not by pydantic's `use_attribute_docstrings`, which parses the source of every config at import: a fifth of a run that has
    nothing to do, by its profile.
    """
    found: dict[str, str] = {}
    for cls in reversed(config.__mro__):
        if issubclass(cls, Config):
            body = typing.cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]).body
            found |= dict(entry for pair in pairwise(body) if (entry := _documented(*pair)))
    return found


def _documented(field: ast.stmt, after: ast.stmt) -> tuple[str, str] | None:
    match field, after:
        case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
            return name, " ".join(inspect.cleandoc(text).split("\n"))
    return None


def built(config: type[C], name: str, given: Mapping[str, Any]) -> C:
    """The config of the options that were given."""
    values = {key: value for key, value in given.items() if key in config.model_fields and value not in (None, ())}
    for key, value in values.items():
        if isinstance(value, str) and _is_json(config.model_fields[key].annotation):
            try:
                values[key] = orjson.loads(value)
            except orjson.JSONDecodeError as error:
                raise ConfigError(f"--{key.replace('_', '-')} {value!r}: not JSON ({error})") from None
    return build(config, values, name)


def _option(name: str, annotation: Any, text: str, default: Any) -> Callable[[F], F]:
    kind, flag = _bare(annotation), f"--{name.replace('_', '-')}"
    shown = text if default in (None, ()) or isinstance(default, dict) or _is_json(annotation) else f"{text} [default: {_word(default)}]"
    if kind is bool:
        return click.option(f"{flag}/--no-{name.replace('_', '-')}", name, default=None, help=shown)
    if typing.get_origin(kind) is typing.Literal:
        return click.option(flag, name, type=click.Choice([str(choice) for choice in typing.get_args(kind)]), default=None, help=shown)
    if kind in (int, float, str):
        return click.option(flag, name, type=kind, default=None, help=shown)
    if _is_words(kind):
        return click.option(flag, name, multiple=True, help=f"{shown} May be given several times.")
    return click.option(flag, name, default=None, metavar="JSON", help=shown)


def _word(default: Any) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _bare(annotation: Any) -> Any:
    """The type without None."""
    if isinstance(annotation, types.UnionType):
        return next(part for part in typing.get_args(annotation) if part is not types.NoneType)
    return annotation


def _is_words(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple and typing.get_args(kind) == (str, ...)


def _is_json(annotation: Any) -> bool:
    kind = _bare(annotation)
    return kind not in (bool, int, float, str) and typing.get_origin(kind) is not typing.Literal and not _is_words(kind)
