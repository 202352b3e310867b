"""What a judge is told, and what its words mean: whether two answers to one problem are the same."""

import re
from typing import Literal

from nemoflow.prompts.chat import THINK_CLOSE
from nemoflow.records import Message

Judgement = Literal["yes", "no", "unclear"]

QUESTION = """Two people answered the same problem. Decide whether their final answers mean the same.

- Only the answers count. Do not solve the problem again, and do not correct it.
- Another notation of the same value is the same: fractions and decimals, simplified or not, with or without units that the problem fixes.
- Where several solutions are asked for, their order does not matter. One that is missing or too many makes the answers different.
- Where an answer is no answer to what was asked, or cannot be read, they are different.

Problem:
{statement}

First answer:
{one}

Second answer:
{other}

Give the reason in one or two sentences. Then end with one line: `Judgement: Yes` where they mean the same, `Judgement: No` where not."""

_WORD = re.compile(r"judge?ment\W{0,6}(yes|no)\b", re.IGNORECASE)


def ask_judge(statement: str, one: str, other: str, system: str = "") -> tuple[Message, ...]:
    """The messages of one question; which answer is the reference is not said."""
    head = (Message(role="system", content=system),) if system else ()
    return (*head, Message(role="user", content=QUESTION.format(statement=statement, one=one, other=other)))


def read_question(content: str) -> tuple[str, str] | None:
    """The two answers that `ask_judge` asks about; None where the message is no such question."""
    head, _, rest = content.rpartition("\n\nFirst answer:\n")
    answers, found, _ = rest.rpartition("\n\nGive the reason ")
    one, also, other = answers.partition("\n\nSecond answer:\n")
    return (one, other) if found and also and head.startswith(QUESTION.partition("\n")[0]) else None


def read_judgement(response: str) -> Judgement:
    """The last judgement after the thinking; `unclear` where there is none."""
    found = _WORD.findall(response.rpartition(THINK_CLOSE)[2])
    return "unclear" if not found else "yes" if found[-1].lower() == "yes" else "no"
