"""What a gate decided: `gate.json`, written by the step `gate`, read by whatever goes on only with its leave and by the report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nemoflow.errors import InputError

FILE = "gate.json"


@dataclass(frozen=True)
class Rule:
    """One thing that was asked of the adapter."""

    name: str
    """The field of the gate's config."""
    passed: bool
    words: str
    """What was asked and what was found, as a sentence without its end."""


@dataclass(frozen=True)
class Decision:
    """All rules, each judged, so that whoever is refused sees everything at once."""

    rules: tuple[Rule, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)
    """What the rules were judged by: `gain`, `kinds`, `truncated`."""

    @property
    def passed(self) -> bool:
        """Whether the adapter goes on."""
        return all(rule.passed for rule in self.rules)

    @property
    def reason(self) -> str:
        """Why it does not; empty where it does."""
        return "; ".join(f"{rule.name}: {rule.words}" for rule in self.rules if not rule.passed)

    @property
    def words(self) -> str:
        """Every rule in words."""
        return "; ".join(rule.words for rule in self.rules)

    def to_json(self) -> dict[str, Any]:
        """The content of `gate.json`."""
        rules = [{"name": rule.name, "passed": rule.passed, "words": rule.words} for rule in self.rules]
        return {"v": 1, "passed": self.passed, "reason": self.reason, "rules": rules, **self.figures}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str) -> "Decision":
        """A decision out of its file; InputError names `where` and the field."""
        rules = value.get("rules")
        if not isinstance(rules, list) or not rules:
            raise InputError(f"{where}: rules: got {str(rules)[:80]!r}; the rules that `gate` judged by were expected")
        return cls(tuple(_rule(rule, f"{where}: rules[{index}]") for index, rule in enumerate(rules)), _figures(value))


def _rule(value: Any, where: str) -> Rule:
    wanted = {"name": str, "passed": bool, "words": str}
    for name, kind in wanted.items():
        found = value.get(name) if isinstance(value, dict) else None
        if not isinstance(found, kind):
            raise InputError(f"{where}.{name}: got {str(found)[:80]!r}; a {kind.__name__} was expected, as `gate` writes it")
    return Rule(**{name: value[name] for name in wanted})


def _figures(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in value if name not in ("v", "passed", "reason", "rules")}
