"""The statement of a trace's problem: from its prompt, which holds it, or from the problems at hand."""

from collections.abc import Mapping

from nemoflow.prompts.chat import SUFFIX
from nemoflow.records import Trace


def statement_of(trace: Trace, statements: Mapping[str, str] | None = None) -> str:
    """The statement, without the contest's suffix and whatever was said after it.

    Traces of public sets answer problems of their own, so `statements` (by problem id) need not know all of them.
    """
    if statements is not None and (known := statements.get(trace.problem_id)) is not None:
        return known
    asked = next((message.content for message in reversed(trace.messages) if message.role == "user"), "")
    return asked.partition(f"\n{SUFFIX}")[0]
