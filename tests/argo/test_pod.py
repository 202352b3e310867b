"""Which attempt gets a successor: Argo's expression, put into Python and asked."""

import re

import pytest

from nemoflow.argo.pod import RETRY_IF
from nemoflow.flow.tries import ASKED_TO_STOP, MORE_MEMORY


def retried(code: int, message: str = "") -> bool:
    text = re.sub(r"lastRetry\.message contains ('[^']*')", r"(\1 in message)", RETRY_IF)
    text = text.replace("lastRetry.exitCode", "code").replace("&&", "and").replace("||", "or").replace("!(", "not (")
    assert "lastRetry" not in text
    return bool(eval(text, {"code": str(code), "message": message}))


@pytest.mark.parametrize(
    ("code", "message", "again"),
    [
        (75, "main: Error (exit code 75): ProviderError: busy", True),
        (75, f"main: Error (exit code 75): Stopped: {ASKED_TO_STOP}", True),
        (75, "main: Error (exit code 75): ProviderError: the wish said deadline", True),
        (69, "main: Error (exit code 69): GivenUp: busy", False),
        (1, "main: Error (exit code 1)", False),
        (2, "main: Error (exit code 2): ConfigError: x", False),
        (137, "main: OOMKilled (exit code 137)", True),
        (137, f"main: OOMKilled (exit code 137): {MORE_MEMORY}", False),
        (137, f"main: Error (exit code 137): {ASKED_TO_STOP}", True),
        (-1, "pod deleted", True),
        (-1, "pods is forbidden: exceeded quota", False),
        (75, "Pod was active on the node longer than the specified deadline", False),
        (75, 'Usage of EmptyDir volume "tmp" exceeds the limit "8Gi".', False),
        (-1, "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi", False),
        (75, "The node was low on resource: memory", True),
    ],
)
def test_an_attempt_gets_a_successor_where_another_may_end_otherwise(code, message, again):
    assert retried(code, message) is again
