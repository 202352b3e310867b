"""One answer a problem, chosen by a selector that answers by rule."""

import re

import pytest
from tests.inference.fault_server import FaultServer, prompt_of
from tests.steps.alone import Alone, sums, write_endpoint, write_lines
from tests.steps.test_judge import trace

from nemoflow.errors import InputError
from nemoflow.steps.select import SELECT

QUICK = {"concurrency": 8, "retries": 1, "backoff_s": 0.01}


def answers_of(body):
    return re.findall(r"^Answer: (.+)$", prompt_of(body), re.MULTILINE)


def largest(body):
    """A selector that takes the largest number."""
    answers = answers_of(body)
    return f"<think>\nChoice: 99\n</think>\nThe sums differ.\n**Choice:** {1 + answers.index(max(answers, key=float))}"


@pytest.fixture
def world(tmp_path):
    def make(traces, server, count=4):
        inputs = {
            "problems": write_lines(tmp_path / "problems.jsonl", sums(count)),
            "traces": write_lines(tmp_path / "traces.jsonl", traces),
            "endpoint": write_endpoint(tmp_path / "endpoint", server.url),
        }
        return Alone(SELECT, inputs, tmp_path / "root")

    return make


def sampled(*answers):
    """Samples of the problem 2 + 2 = 4 in this order."""
    problem = sums(4)[2]
    return [trace(problem, sample, answer, "right" if answer == "4" else "wrong") for sample, answer in enumerate(answers)]


def test_the_selector_overrules_the_votes_and_each_answer_is_put_forward_once(world):
    with FaultServer(answer=largest) as server:
        alone = world(sampled("3", "3", "4", "3.0", "2"), server)
        manifest = alone.run(rounds=2, **QUICK)
    (chosen,) = alone.rows(manifest, "traces")
    assert chosen.response == "\\boxed{4}"
    assert (chosen.meta["selected_by"], chosen.meta["selected_votes"], chosen.meta["selector_votes"]) == ("selector", "1/5", "2/2")
    assert sorted(map(sorted, map(answers_of, server.bodies))) == [["2", "3", "4"]] * 2
    assert answers_of(server.bodies[0]) == answers_of(server.bodies[1])[::-1]
    assert (manifest.metrics["right"], manifest.metrics["right_by_votes"], manifest.dropped) == (1, 0, {"no-answer": 3})


def test_where_all_samples_agree_nobody_is_asked(world):
    with FaultServer(answer=largest) as server:
        alone = world(sampled("4", "4.0", "8/2"), server)
        (chosen,) = alone.rows(alone.run(**QUICK), "traces")
    assert (server.bodies, chosen.meta["selected_by"]) == ([], "agreement")


@pytest.mark.parametrize("said", ["I cannot tell.", "Choice: 7", "Choice: none", "<think>\nChoice: 1", ""])
def test_a_selector_that_names_no_solution_leaves_it_to_the_votes(world, said):
    with FaultServer(answer=lambda body: said) as server:
        alone = world(sampled("3", "4", "4"), server)
        (chosen,) = alone.rows(alone.run(**QUICK), "traces")
    names_one = said.endswith("1")
    assert chosen.meta["selected_by"] == ("selector" if names_one else "votes")
    assert chosen.response == "\\boxed{4}"


def test_a_selector_that_always_takes_the_first_decides_nothing(world):
    with FaultServer(answer=lambda body: "Choice: 1") as server:
        alone = world(sampled("3", "4", "4"), server)
        manifest = alone.run(rounds=4, **QUICK)
        (chosen,) = alone.rows(manifest, "traces")
    assert (chosen.response, chosen.meta["selector_votes"]) == ("\\boxed{4}", "2/4")


def test_more_rounds_ask_only_the_new_questions_and_shards_ask_for_their_own_problems(world):
    traces = [row for problem in sums(4) for row in (trace(problem, 0, "1", None), trace(problem, 1, "99", None))]
    with FaultServer(answer=largest) as server:
        alone = world(traces, server)
        alone.run(rounds=2, **QUICK)
        assert len(server.bodies) == 8
        alone.run("again", rounds=4, **QUICK)
        assert len(server.bodies) == 16
        rows = [row for index in range(2) for row in alone.rows(alone.run("shards", 2, index, fresh=True, rounds=4, **QUICK), "traces")]
        assert len(server.bodies) == 16
    assert sorted(row.problem_id for row in rows) == [problem.id for problem in sums(4)]
    assert {row.response for row in rows} == {"\\boxed{99}"}


def test_traces_of_other_problems_are_named(world):
    with FaultServer() as server:
        alone = world(sampled("4"), server, count=2)
        with pytest.raises(InputError, match=r"traces\.jsonl: trace 'p002-0': no problem 'p002'; wire its problems"):
            alone.run(**QUICK)


def test_solutions_that_no_context_holds_are_refused():
    with pytest.raises(ValueError, match="at most 200000 characters together"):
        SELECT.config(candidates=16, solution_chars=20_000)
