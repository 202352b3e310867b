r"""Reward of a rollout in four parts, each between 0 and 1: right, format, concise, no_leak; a recipe weighs and adds them.

    >>> parts_of("3 + 4 = 7\n</think>\n\\boxed{7}", "What is 3 + 4?", "7", used=0.25, is_cut=False)
    {'right': 1.0, 'format': 1.0, 'concise': 0.75, 'no_leak': 1.0}

Right by the contest's metric counts only for responses that came to their end: the metric finds the last number of a text that was cut
off, and a policy that is paid for luck learns to ramble. Concise counts for right responses only, or the shortest answer would be none.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from nemoflow.answers.boxed import ends_with_box, last_box
from nemoflow.answers.competition import extract, verify
from nemoflow.prompts.chat import THINK_CLOSE
from nemoflow.prompts.hints import mentions_hint

PARTS = ("right", "format", "concise", "no_leak")
ALIKE = 1e-9
"""Rewards that differ by less are the same."""


def parts_of(response: str, statement: str, gold: str, used: float, is_cut: bool) -> dict[str, float]:
    """All parts.

    Args:
        response: what was generated after the opened thinking block, without special tokens.
        statement: the problem; its own words are no leak.
        gold: the reference answer.
        used: tokens generated, as a share of those allowed.
        is_cut: whether the response ended at the limit and not by itself.
    """
    is_right = not is_cut and verify(gold, extract(response))
    return {
        "right": float(is_right),
        "format": form(response, is_cut),
        "concise": max(0.0, 1 - used) if is_right else 0.0,
        "no_leak": float(not mentions_hint(response, statement, gold)),
    }


def form(response: str, is_cut: bool) -> float:
    """A third each for: thinking closed once with something in it; a box that holds something after it; an end right after the box."""
    thinking, closed, final = response.partition(THINK_CLOSE)
    is_closed = bool(closed) and bool(thinking.strip()) and THINK_CLOSE not in final
    has_box = is_closed and bool(last_box(final))
    return round((is_closed + has_box + (has_box and not is_cut and ends_with_box(final))) / 3, 6)


class Scores:
    """Parts of a step's responses, worked out once, however many functions ask for them.

    A response whose last token is none of `stops` was cut off, as evaluation has it.
    """

    def __init__(self, tokenizer: Any, max_new_tokens: int, stops: Collection[int]) -> None:
        self._tokenizer, self._max_new_tokens, self._stops = tokenizer, max_new_tokens, stops
        self._of: Sequence[Sequence[int]] | None = None
        self._parts: list[dict[str, float]] = []

    def of(self, responses: Sequence[Sequence[int]], statements: Sequence[str], golds: Sequence[str]) -> list[dict[str, float]]:
        """A row a response; `responses` are token ids, and the same object means the same step."""
        if responses is not self._of:
            texts = self._tokenizer.batch_decode(responses, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            self._parts = [
                parts_of(text, asked, gold, len(ids) / self._max_new_tokens, not ids or ids[-1] not in self._stops)
                for text, asked, gold, ids in zip(texts, statements, golds, responses, strict=True)
            ]
            self._of = responses
        return self._parts


def even_share(rewards: Sequence[float], samples: int) -> float:
    """Share of the groups, `samples` rewards each, in which all are alike: those teach nothing.

    TRL's own figure asks whether float32 has a spread of exactly 0, and eight times 0.4 have one of 3e-8 there.
    """
    groups = [rewards[start : start + samples] for start in range(0, len(rewards), samples)]
    return sum(max(group) - min(group) < ALIKE for group in groups) / len(groups)


def reward_functions(scores: Scores, weights: Mapping[str, float], samples: int) -> list[Any]:
    """One function a part, as TRL's GRPOTrainer calls them, named as the parts; the first also logs `even`, the share of even groups."""
    return [_function(name, scores, weights, samples) for name in PARTS]


def _function(name: str, scores: Scores, weights: Mapping[str, float], samples: int) -> Any:
    def reward(
        *,
        completion_ids: Sequence[Sequence[int]],
        statement: Sequence[str],
        gold: Sequence[str],
        log_metric: Callable[[str, float], None],
        **others: Any,
    ) -> list[float]:
        rows = scores.of(completion_ids, statement, gold)
        if name == PARTS[0]:
            log_metric("even", even_share([sum(weights[part] * row[part] for part in PARTS) for row in rows], samples))
        return [row[name] for row in rows]

    reward.__name__ = name
    return reward
