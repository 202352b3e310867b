"""Judge an adapter by its base: is it better by enough, surely enough, nowhere much worse, and does it come to an end?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nemoflow.errors import InputError
from nemoflow.evaluation.compare import Pair
from nemoflow.evaluation.decision import Decision, Rule
from nemoflow.evaluation.noise import Noise, floor_between, noise
from nemoflow.evaluation.paired import Gain, gains

HAIR = 1e-9
"""Points that rounding may cost; a gain that is just what was asked passes."""


@dataclass(frozen=True)
class Limits:
    """What is asked of an adapter."""

    min_gain: float = 0.0
    """Fewest points of accuracy over the base, over all problems."""
    max_family_drop: float = 100.0
    """Most points that a kind may lose; 100 asks nothing."""
    significance: float = 0.0
    """Highest one-sided p of the paired sign test; 0 asks nothing."""
    max_truncated: float = 1.0
    """Largest share of the adapter's responses that may be cut off; 1 asks nothing."""
    beyond_noise: bool = False
    """Whether the gain has to be more than what turns between repeats of either model."""


def judge(pairs: Sequence[Pair], limits: Limits) -> Decision:
    """By the rules that ask something; `min_gain` always does. The figures hold the gain with its interval, in all and per kind.

    InputError where the noise is asked for and nothing was asked twice.
    """
    overall, kinds = gains(pairs)
    noises = [each for traces in ([p.base for p in pairs], [p.adapter for p in pairs]) if (each := noise(traces))]
    truncated = sum(pair.adapter.finish == "length" for pair in pairs)
    rules = [_gain_rule(overall, limits.min_gain)]
    if limits.max_family_drop < 100:
        rules.append(_drop_rule(kinds, limits.max_family_drop))
    if limits.significance > 0:
        rules.append(_chance_rule(overall, limits.significance))
    if limits.max_truncated < 1:
        rules.append(_truncation_rule(truncated, len(pairs), limits.max_truncated))
    if limits.beyond_noise:
        rules.append(_noise_rule(overall, noises))
    figures = {
        "gain": overall.to_json(),
        "kinds": {kind: gain.to_json() for kind, gain in kinds.items()},
        "truncated": truncated / len(pairs) if pairs else 0.0,
        **({"noise_floor": round(floor_between(noises), 4)} if noises else {}),
    }
    return Decision(tuple(rules), figures)


def _gain_rule(gain: Gain, least: float) -> Rule:
    asked = "no worse than the base" if least == 0 else f"{least:+g} points over the base"
    found = f"{gain.points:+.2f} points over {gain.problems:,} problems"
    return Rule("min_gain", gain.points >= least - HAIR, f"asked for {asked}, found {found}")


def _drop_rule(kinds: Mapping[str, Gain], most: float) -> Rule:
    lost = {kind: -gain.points for kind, gain in kinds.items() if -gain.points > most + HAIR}
    worst = min(kinds, key=lambda kind: kinds[kind].points)
    named = lost or {worst: -kinds[worst].points}
    found = ", ".join(f"{kind} {-drop:+.2f}" for kind, drop in sorted(named.items(), key=lambda item: -item[1]))
    return Rule("max_family_drop", not lost, f"no kind may lose more than {most:g} points, found {found}")


def _chance_rule(gain: Gain, level: float) -> Rule:
    found = f"p = {gain.chance:.3g} ({gain.better:,} problems better, {gain.worse:,} worse)"
    return Rule("significance", gain.chance <= level, f"asked for p of at most {level:g}, found {found}")


def _truncation_rule(truncated: int, attempts: int, most: float) -> Rule:
    found = f"{100 * truncated / attempts:.2f} % ({truncated:,} of {attempts:,})"
    return Rule("max_truncated", truncated <= most * attempts + HAIR, f"at most {100 * most:g} % of responses cut off, found {found}")


def _noise_rule(gain: Gain, noises: Sequence[Noise]) -> Rule:
    if not noises:
        raise InputError("beyond_noise: each problem was asked once, which tells no noise; evaluate both models with repeats = 3, say")
    floor = floor_between(noises)
    asked = f"asked for more than the noise of {noises[0].attempts} attempts a problem, {floor:.2f} points"
    return Rule("beyond_noise", gain.points > floor, f"{asked}, found {gain.points:+.2f}")
