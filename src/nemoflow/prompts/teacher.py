"""What a teacher is told: the contest's own user message, and for STaR the same with the answer as a hint.

Rationalization follows STaR (Zelikman et al. 2022, arXiv 2203.14465): a problem that the teacher failed is asked again
with the correct answer known, and the new reasoning is kept where it verifies.
"""

from nemoflow.prompts.chat import user_message
from nemoflow.records import Message

HINT = (
    "The correct answer is known to be: {gold}\n"
    "Write the reasoning that leads to it as if you did not know it, and do not mention this hint."
)


def ask(statement: str, system: str = "") -> tuple[Message, ...]:
    """The messages of an ordinary request; an empty `system` sends none."""
    head = (Message(role="system", content=system),) if system else ()
    return (*head, Message(role="user", content=user_message(statement)))


def ask_with_hint(statement: str, gold: str, system: str = "") -> tuple[Message, ...]:
    """The messages of a STaR request: the problem, then the known answer."""
    head = (Message(role="system", content=system),) if system else ()
    content = f"{user_message(statement)}\n\n{HINT.format(gold=gold)}"
    return (*head, Message(role="user", content=content))
