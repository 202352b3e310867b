"""The page's part about the form of the prompt, where it is not the contest's: what stands around a statement, and how it was chosen."""

from collections.abc import Mapping
from typing import Any

from nemoflow.evaluation.markup import facts, section, text
from nemoflow.evaluation.report import Evidence


def prompt_section(evidence: Evidence) -> str:
    """Empty where both models were asked as the contest asks, and nothing was tuned."""
    form, tuning = evidence.settings.get("prompt"), evidence.tuning
    if not form and not tuning:
        return ""
    return section("How it was asked", facts(_form(form)) if form else "", f"<p>{_chosen(tuning)}</p>" if tuning else "", lead=_lead(form))


def _lead(form: Mapping[str, Any] | None) -> str:
    if form:
        return "Base and adapter were asked in this form. The contest asks in its own, so these accuracies say nothing of its board."
    return "Base and adapter were asked in the contest's own form: no other was better."


def _form(form: Mapping[str, Any]) -> list[tuple[str, str]]:
    shown = [str(shot["problem_id"]) for shot in form.get("shots", ())]
    return [
        ("system message", _quoted(form.get("system", ""))),
        ("behind the statement", _quoted(form.get("suffix", ""))),
        ("solved examples shown", f"{len(shown)}" + (f": {text(', '.join(shown))}" if shown else "")),
    ]


def _chosen(tuning: Mapping[str, Any]) -> str:
    gain, dev = tuning["gain"], tuning["dev"]
    points = f"{gain['points']:+.1f} points over the contest's form there (95 %: {gain['low']:+.1f} to {gain['high']:+.1f})"
    split = f"{dev['problems']:,} dev problems (<code>{text(dev['fingerprint'][:12])}</code>)"
    return (
        f"Chosen of {len(tuning['candidates']):,} candidates on {split}, none of which is scored here: {points}. "
        "That is the figure of the best of many, so it is too high."
    )


def _quoted(words: str) -> str:
    return f"<code>{text(words)}</code>" if words else '<span class="muted">none</span>'
