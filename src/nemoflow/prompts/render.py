"""Text of a prompt under a model's own chat template: training and evaluation both call this, so their prefixes are byte-equal."""

from collections.abc import Sequence
from typing import Any

from nemoflow.errors import InputError
from nemoflow.prompts.chat import THINK_OPEN
from nemoflow.records import Message


def render_prefix(tokenizer: Any, message: str) -> str:
    """The prompt up to the first generated token: the template's turns, then `<think>` and a newline.

    Raises InputError where the template does not open the thinking block: such a model would be trained on one form and
    scored on another.
    """
    return render_turns(tokenizer, (Message(role="user", content=message),))


def render_turns(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The same for any turns."""
    turns = [{"role": message.role, "content": message.content} for message in messages]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, enable_thinking=True)
    if not text.endswith(THINK_OPEN):
        raise InputError(f"{tokenizer.name_or_path}: its chat template ends a prompt with {text[-20:]!r}, not with {THINK_OPEN!r}")
    return str(text)


def render_completion(response: str, end_of_turn: str) -> str:
    """What is learned after `render_prefix`: the response without the `<think>` that the prefix already holds, then the end of turn."""
    if not response.startswith(THINK_OPEN):
        raise InputError(f"a response to train starts with {THINK_OPEN!r}, got {response[:20]!r}")
    return response.removeprefix(THINK_OPEN) + end_of_turn
