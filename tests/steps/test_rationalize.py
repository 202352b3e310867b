import pytest
from tests.inference.fault_server import FaultServer, prompt_of
from tests.steps.alone import Alone, sums, told, write_endpoint, write_lines

from nemoflow.errors import InputError
from nemoflow.prompts.teacher import ask
from nemoflow.records import Trace, Verdict
from nemoflow.steps.rationalize import RATIONALIZE

QUICK = {"concurrency": 8, "retries": 1, "backoff_s": 0.01}


def failed(problem, sample, verdict="wrong"):
    return Trace(
        id=f"{problem.id}-{sample}",
        problem_id=problem.id,
        sample=sample,
        category=problem.category,
        source="teacher",
        model="m",
        messages=ask(problem.statement),
        response="\\boxed{no}",
        verdict=verdict and Verdict(verdict=verdict, rule="competition", extracted="no", gold=problem.gold),
    )


def knowing(body):
    """Right where the answer was told; for p003 it speaks of the hint, for p004 it is wrong even so."""
    prompt = prompt_of(body)
    told_answer = prompt.partition("known to be: ")[2].partition("\n")[0]
    words = "The hint says so." if "What is 3 " in prompt else "Doubling gives it."
    answer = "0" if "What is 4 " in prompt else told_answer
    return f"<think>\n{words}\n</think>\n\\boxed{{{answer}}}"


@pytest.fixture
def world(tmp_path):
    def make(server, traces, count=6):
        inputs = {
            "problems": write_lines(tmp_path / "problems.jsonl", sums(count)),
            "traces": write_lines(tmp_path / "traces.jsonl", traces),
            "endpoint": write_endpoint(tmp_path / "endpoint", server.url),
        }
        return Alone(RATIONALIZE, inputs, tmp_path / "root")

    return make


def failures(count=6):
    """Two traces a problem; the second of p001 is right."""
    return [failed(each, sample, "right" if (each.id, sample) == ("p001", 1) else "wrong") for each in sums(count) for sample in range(2)]


def test_failed_problems_are_solved_with_the_answer_told_and_stand_under_the_ordinary_prompt(world):
    with FaultServer(answer=knowing) as server:
        alone = world(server, failures())
        manifest = alone.run(**QUICK)
        rows = alone.rows(manifest, "traces")
    assert [row.problem_id for row in rows] == ["p000", "p002", "p005"]
    assert [row.messages for row in rows] == [ask(sums(6)[i].statement) for i in (0, 2, 5)]
    assert [row.meta for row in rows] == [{"parent": f"p00{i}-0", "hint": True} for i in (0, 2, 5)]
    assert {(row.source, row.verdict.verdict) for row in rows} == {("rationalized", "right")}
    assert manifest.dropped == {"mentions-hint": 1, "wrong": 1}
    assert (manifest.rows_in, manifest.metrics["kept"], manifest.metrics["asked"]) == (5, 3, 5)
    assert all("known to be: " in prompt for prompt, _ in server.completions)


def test_each_failed_trace_and_several_attempts_ask_for_more(world):
    with FaultServer(answer=knowing) as server:
        alone = world(server, failures())
        manifest = alone.run(per="trace", attempts=2, **QUICK)
        rows = alone.rows(manifest, "traces")
    assert manifest.metrics["asked"] == len(set(server.completions)) == 22
    assert len({row.id for row in rows}) == len(rows) == 14
    assert [row.meta["parent"] for row in rows[:4]] == ["p000-0", "p000-0", "p000-1", "p000-1"]


def test_shards_together_do_what_one_does(world, tmp_path):
    with FaultServer(answer=knowing) as server:
        alone = world(server, failures())
        whole = alone.rows(alone.run(**QUICK), "traces")
        alone.root = tmp_path / "sharded"
        parts = [row for index in range(2) for row in alone.rows(alone.run(shards=2, index=index, **QUICK), "traces")]
    assert sorted(map(repr, map(told, parts))) == sorted(map(repr, map(told, whole)))


def test_where_nothing_failed_nobody_is_asked(world):
    with FaultServer() as server:
        pass
    alone = world(server, [failed(each, 0, "right") for each in sums(6)])
    manifest = alone.run(**QUICK)
    assert (manifest.rows_in, alone.rows(manifest, "traces")) == (0, [])


def test_traces_that_were_never_verified_are_refused(world):
    with FaultServer() as server:
        alone = world(server, [failed(sums(1)[0], 0, None)])
        with pytest.raises(InputError, match="has no verdict"):
            alone.run(**QUICK)


@pytest.mark.parametrize(("metric", "kept"), [("competition", 0), ("symbolic", 1)])
def test_what_verifies_is_decided_by_the_metric_of_the_config(world, tmp_path, metric, kept):
    problem = sums(1)[0].model_copy(update={"gold": r"\frac{1}{3}"})
    with FaultServer(answer=lambda body: "<think>\nOne of three parts.\n</think>\n\\boxed{1/3}") as server:
        alone = world(server, [failed(problem, 0)], 1)
        alone.inputs["problems"] = write_lines(tmp_path / "thirds.jsonl", [problem])
        manifest = alone.run(**QUICK, metric=metric)
    assert manifest.metrics["kept"] == kept
    assert manifest.dropped == ({} if kept else {"wrong": 1})
    assert all(row.verdict.verdict == "right" and row.answer == "1/3" for row in alone.rows(manifest, "traces"))


@pytest.mark.parametrize("name", ["traces", "problems"])
def test_an_empty_input_is_refused_by_its_address(world, name):
    with FaultServer() as server:
        alone = world(server, failures())
        write_lines(alone.inputs[name], [])
        with pytest.raises(InputError, match=rf"{name}\.jsonl: the input {name} holds no rows"):
            alone.run(**QUICK)
