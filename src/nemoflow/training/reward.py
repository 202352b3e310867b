r"""Reward of a rollout in four parts, each between 0 and 1: right, format, concise, no_leak; a recipe weighs and adds them.

    >>> parts_of("3 + 4 = 7\n</think>\n\\boxed{7}", "What is 3 + 4?", "7", used=0.25, is_cut=False)
    {'right': 1.0, 'format': 1.0, 'concise': 0.75, 'no_leak': 1.0}

Right by the contest's metric counts only for responses that came to their end: the metric finds the last number of a text that was cut
off, and a policy that is paid for luck learns to ramble. Concise counts for right responses only, or the shortest answer would be none.
"""

from collections.abc import Collection, Sequence
from typing import Any

from nemoflow.answers.boxed import ends_with_box, last_box
from nemoflow.answers.competition import extract, verify
from nemoflow.prompts.chat import THINK_CLOSE
from nemoflow.prompts.hints import mentions_hint

PARTS = ("right", "format", "concise", "no_leak")


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


def reward_functions(tokenizer: Any, max_new_tokens: int, stops: Collection[int]) -> list[Any]:
    """One function a part, as TRL's GRPOTrainer calls them; their names are those of the parts.

    A response whose last token is none of `stops` was cut off, as evaluation has it.
    """
    return [_function(name, tokenizer, max_new_tokens, stops) for name in PARTS]


def _function(name: str, tokenizer: Any, max_new_tokens: int, stops: Collection[int]) -> Any:
    def reward(*, completion_ids: Sequence[Sequence[int]], statement: Sequence[str], gold: Sequence[str], **others: Any) -> list[float]:
        texts = tokenizer.batch_decode(completion_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [
            parts_of(text, asked, answer, len(ids) / max_new_tokens, not ids or ids[-1] not in stops)[name]
            for text, asked, answer, ids in zip(texts, statement, gold, completion_ids, strict=True)
        ]

    reward.__name__ = name
    return reward
