from datetime import date

import pytest
from pydantic import Field

from nemoflow.config import Config, build, identity, later, read_toml, tuning
from nemoflow.errors import ConfigError, InputError


class Inner(Config):
    size: int = Field(1, gt=0)


class Outer(Config):
    name: str
    inner: Inner = Inner()
    rate: float = 0.5
    flag: bool = False
    words: tuple[str, ...] = ()
    more: dict[str, Inner] = Field(default_factory=dict)
    spare: Inner | None = None
    concurrency: int = tuning(4, gt=0)


def test_the_identity_leaves_out_what_only_changes_the_cost():
    assert identity(Outer(name="a", concurrency=9)) == identity(Outer(name="a"))


class Grown(Outer):
    modes: tuple[str, ...] = later(())


def test_a_field_that_came_later_is_part_of_the_identity_only_where_it_is_set():
    assert identity(Grown(name="a")) == identity(Grown(name="a", modes=())) == identity(Outer(name="a"))
    assert identity(Grown(name="a", modes=("low",))) == {**identity(Outer(name="a")), "modes": ["low"]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"name": "a", "nmae": 1},
            r"w: x\.nmae: unknown key \(value 1\); known keys: concurrency, flag, inner, more, name, rate, spare, words",
        ),
        ({"name": "a", "inner": {"sise": 1}}, r"w: x\.inner\.sise: unknown key \(value 1\); known keys: size$"),
        ({"name": "a", "more": {"b": {"sise": 1}}}, r"w: x\.more\.b\.sise: unknown key \(value 1\); known keys: size$"),
        ({"name": "a", "spare": {"sise": 1}}, r"w: x\.spare\.sise: unknown key \(value 1\); known keys: size$"),
        ({}, r"w: x\.name: missing; it has no default"),
        ({"name": 3}, r"w: x\.name: input should be a valid string, got 3"),
        ({"name": "a", "inner": {"size": 0}}, r"w: x\.inner\.size: input should be greater than 0, got 0"),
        ({"name": "a", "concurrency": "many"}, r"concurrency: .* got 'many'"),
        ({"name": "a", "concurrency": "4"}, r"concurrency: input should be a valid integer, got '4'"),
        ({"name": "a", "concurrency": True}, r"concurrency: input should be a valid integer, got True"),
        ({"name": "a", "concurrency": 4.0}, r"concurrency: input should be a valid integer, got 4\.0"),
        ({"name": "a", "rate": "1e-4"}, r"rate: input should be a valid number, got '1e-4'"),
        ({"name": "a", "rate": True}, r"rate: input should be a valid number, got True"),
        ({"name": "a", "flag": 1}, r"flag: input should be a valid boolean, got 1"),
        ({"name": "a", "flag": "yes"}, r"flag: input should be a valid boolean, got 'yes'"),
        ({"name": "a", "words": "ab"}, r"words: input should be a valid (array|tuple), got 'ab'"),
        ({"name": "a", "inner": {"size": "2"}}, r"inner\.size: input should be a valid integer, got '2'"),
        ({"name": date(2026, 1, 2)}, r"w: x: .* is a date; text, numbers"),
    ],
)
def test_a_wrong_value_names_its_key_the_value_and_what_is_right(values, message):
    with pytest.raises(ConfigError, match=message):
        build(Outer, values, "w: x")


def test_what_json_and_toml_write_another_way_is_taken():
    made = build(Outer, {"name": "a", "rate": 3, "words": ["b"], "inner": {"size": 10**30}}, "w")
    assert (made.rate, made.words, made.inner.size) == (3.0, ("b",), 10**30)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ConfigError) as caught:
        build(Outer, {"a": 1, "b": 2}, "w")
    assert all(name in str(caught.value) for name in ("w.a", "w.b", "w.name"))


def test_a_config_does_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Outer(name="a").name = "b"


def test_a_file_that_is_no_toml_is_named_with_its_line(tmp_path):
    path = tmp_path / "w.toml"
    path.write_text("a = 1\nb = \n")
    with pytest.raises(ConfigError, match=r"w\.toml: not valid TOML.*line 2"):
        read_toml(path)
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        read_toml(path)
    with pytest.raises(InputError, match="no such file"):
        read_toml(tmp_path / "none.toml")
