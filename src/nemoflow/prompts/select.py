"""What a selector is told: several solutions of one problem, of which it names the best (GenSelect, arXiv 2504.16891)."""

import re
from collections.abc import Sequence

from nemoflow.prompts.chat import THINK_CLOSE, split_response
from nemoflow.records import Message

QUESTION = """{count} people solved the same problem and came to different answers. Find the solution that is most likely right.

- Compare the solutions with each other: where do they part, and who is right there?
- Check the steps that decide. How long or how sure a solution sounds says nothing.
- One of them must be chosen, even where none convinces.

Problem:
{statement}

{solutions}

Give the reason in a few sentences. Then end with one line: `Choice: N`, with the number of the solution."""

_WORD = re.compile(r"choice\W{0,8}(?:solution\W{0,4})?(\d{1,3})\b", re.IGNORECASE)


def ask_selector(statement: str, solutions: Sequence[str], system: str = "") -> tuple[Message, ...]:
    """The messages of one question; solutions are numbered from 1 in the order given."""
    shown = "\n\n".join(f"Solution {number}:\n{solution}" for number, solution in enumerate(solutions, 1))
    head = (Message(role="system", content=system),) if system else ()
    return (*head, Message(role="user", content=QUESTION.format(count=len(solutions), statement=statement, solutions=shown)))


def read_choice(response: str, count: int) -> int | None:
    """Index from 0 of the last choice after the thinking; None where there is none, or no such solution."""
    found = _WORD.findall(response.rpartition(THINK_CLOSE)[2])
    number = int(found[-1]) if found else 0
    return number - 1 if 1 <= number <= count else None


def shown(response: str, answer: str, chars: int) -> str:
    """A solution as the selector sees it: what stands after the thinking, else the end of the thinking, and the answer."""
    thinking, final = split_response(response)
    text = final if len(final) > len(answer) + len("\\boxed{}") + 20 else f"{thinking}\n{final}".strip()
    if len(text) > chars:
        text = f"[...] {text[-chars:]}"
    return f"{text}\nAnswer: {answer}"
