"""The contest's chat form: one user message with a fixed suffix; a response that thinks first and ends with the box.

The suffix and the rendered form are the ones the contest's metric uses (its notebook, Apache-2.0): a user message of
puzzle, newline, instruction; thinking on, so that the response begins inside the `<think>` block.
"""

SUFFIX = "Please put your final answer inside `\\boxed{}`. For example: `\\boxed{your answer}`"
THINK_OPEN = "<think>\n"
THINK_CLOSE = "</think>"


def user_message(statement: str) -> str:
    """What the metric asks for a problem's statement."""
    return f"{statement}\n{SUFFIX}"


def render_response(thinking: str, answer: str) -> str:
    """A response to learn: it ends right after the box, because the metric swallows later text that holds a `}`."""
    return f"{THINK_OPEN}{thinking.strip()}\n{THINK_CLOSE}\n\\boxed{{{answer}}}"


def split_response(response: str) -> tuple[str, str]:
    """(thinking, final part); a response without `</think>` is all thinking, since generation starts inside it."""
    head, closed, tail = response.partition(THINK_CLOSE)
    thinking = head.removeprefix("<think>").strip("\n")
    return (thinking, tail.strip()) if closed else (thinking, "")
