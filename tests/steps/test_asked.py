"""Every step that asks a teacher waits for one that sleeps on a cluster, and for no other."""

import socket

import pytest
from tests.steps.alone import Alone, sums, write_endpoint, write_lines

from nemoflow.errors import ProviderError
from nemoflow.prompts.teacher import ask
from nemoflow.records import Trace, Verdict
from nemoflow.steps import HARVEST, JUDGE, RATIONALIZE

QUICK = {"return_s": 0.4, "retries": 0}


@pytest.fixture
def nobody():
    """A URL where nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"


def alone(step, folder, url, **endpoint):
    [problem] = sums(1)
    unclear = Verdict(verdict="unclear", rule="symbolic", extracted="two", gold=problem.gold)
    about = {"problem_id": problem.id, "category": problem.category, "source": "teacher", "messages": ask(problem.statement)}
    trace = Trace(id="a", sample=0, model="m", response="\\boxed{two}", verdict=unclear, **about)
    inputs = {
        "problems": write_lines(folder / "problems.jsonl", [problem]),
        "traces": write_lines(folder / "traces.jsonl", [trace]),
        "endpoint": write_endpoint(folder / "endpoint", url, **endpoint),
    }
    return Alone(step, {name: path for name, path in inputs.items() if name in step.inputs}, folder / "root")


@pytest.mark.parametrize("step", [HARVEST, RATIONALIZE, JUDGE], ids=lambda step: step.name)
def test_a_teacher_that_sleeps_on_a_cluster_is_waited_for(step, tmp_path, nobody):
    deployment = {"name": "teacher", "namespace": "vision"}
    with pytest.raises(ProviderError, match=r"m is not ready after 0\.4 s"):
        alone(step, tmp_path, nobody, deployment=deployment).run(**QUICK)


@pytest.mark.parametrize("step", [HARVEST, RATIONALIZE, JUDGE], ids=lambda step: step.name)
def test_any_other_that_is_away_ends_the_step_at_once(step, tmp_path, nobody):
    with pytest.raises(ProviderError, match="nothing answers"):
        alone(step, tmp_path, nobody).run(**QUICK)
