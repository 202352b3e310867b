"""Tokens that end a response: training's rewards and evaluation both ask here, so that what counts as cut off is the same for both."""

from typing import Any

from nemoflow.errors import InputError

END_OF_TURN = "<|im_end|>"


def stops_of(tokenizer: Any, configured: int | list[int] | None) -> tuple[int, ...]:
    """The end of a turn, and whatever the model itself ends a text with (`eos_token_id` of its generation config)."""
    own = configured if isinstance(configured, list) else [configured]
    turn = tokenizer.convert_tokens_to_ids(END_OF_TURN)
    turn = None if turn == tokenizer.unk_token_id else turn
    found = sorted({token for token in (*own, tokenizer.eos_token_id, turn) if token is not None})
    if not found:
        raise InputError(
            f"{tokenizer.name_or_path}: its tokenizer has neither {END_OF_TURN!r} nor an end-of-text token; a response would never end"
        )
    return tuple(found)
