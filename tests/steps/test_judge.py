import pytest
from tests.inference.fault_server import FaultServer, prompt_of
from tests.steps.alone import Alone, sums, write_endpoint, write_lines

from nemoflow.errors import InputError
from nemoflow.prompts.teacher import ask
from nemoflow.records import Trace, Verdict
from nemoflow.steps.judge import JUDGE
from nemoflow.steps.repair_gold import REPAIR_GOLD

QUICK = {"concurrency": 8, "retries": 1, "backoff_s": 0.01}


def trace(problem, sample, answer, verdict, rule="symbolic"):
    return Trace(
        id=f"{problem.id}-{sample}",
        problem_id=problem.id,
        sample=sample,
        category=problem.category,
        source="teacher",
        model="m",
        messages=ask(problem.statement),
        response=f"\\boxed{{{answer}}}",
        verdict=verdict and Verdict(verdict=verdict, rule=rule, extracted=answer, gold=problem.gold),
    )


def order_of(body):
    """(first answer, second answer) of a judge's prompt."""
    lines = prompt_of(body).splitlines()
    return lines[lines.index("First answer:") + 1], lines[lines.index("Second answer:") + 1]


def judging(body):
    """Knows that `two` is 2; prefers what stands first where it hears `maybe`."""
    one, other = order_of(body)
    if "maybe" in (one, other):
        return f"Judgement: {'Yes' if one == 'maybe' else 'No'}"
    return "They mean the same.\nJudgement: Yes" if "two" in (one, other) else "Judgement: No"


@pytest.fixture
def world(tmp_path):
    def make(step, traces, server=None, count=4):
        inputs = {
            "problems": write_lines(tmp_path / "problems.jsonl", sums(count)),
            "traces": write_lines(tmp_path / "traces.jsonl", traces),
        }
        if server is not None:
            inputs["endpoint"] = write_endpoint(tmp_path / "endpoint", server.url)
        return Alone(step, inputs, tmp_path / "root")

    return make


def test_what_rules_could_not_settle_is_judged_in_both_orders_and_each_pair_once(world):
    problems = sums(4)
    traces = [
        trace(problems[1], 0, "two", "unclear"),
        trace(problems[1], 1, "two", "unclear"),
        trace(problems[1], 2, "maybe", "unclear"),
        trace(problems[1], 3, "3", "unclear"),
        trace(problems[1], 4, "2", "right"),
        trace(problems[2], 0, "two", "wrong"),
        trace(problems[3], 0, "", "unclear"),
    ]
    with FaultServer(answer=judging) as server:
        alone = world(JUDGE, traces, server)
        manifest = alone.run(**QUICK)
        rows = alone.rows(manifest, "traces")
        again = alone.run("again", fresh=True, **QUICK)
    assert [(row.verdict.verdict, row.verdict.rule) for row in rows] == [
        ("right", "judge"),
        ("right", "judge"),
        ("unclear", "symbolic"),
        ("wrong", "judge"),
        ("right", "symbolic"),
        ("wrong", "symbolic"),
        ("unclear", "symbolic"),
    ]
    assert len(server.bodies) == 6
    assert {order_of(body) for body in server.bodies} >= {("2", "two"), ("two", "2")}
    assert (manifest.metrics["yes"], manifest.metrics["no"], manifest.metrics["unclear"], manifest.metrics["pairs"]) == (2, 1, 1, 3)
    assert again.metrics["questions.asked"] == 0


def test_where_nothing_is_unclear_nobody_is_asked(world):
    with FaultServer() as server:
        alone = world(JUDGE, [trace(sums(1)[0], 0, "0", "right")], server)
        assert alone.rows(alone.run(**QUICK), "traces")[0].verdict.rule == "symbolic"
    assert server.bodies == []


def test_a_trace_without_a_verdict_is_named(world):
    with FaultServer() as server, pytest.raises(InputError, match="trace 'p000-0' has no verdict; wire the output of `verify`"):
        world(JUDGE, [trace(sums(1)[0], 0, "0", None)], server).run(**QUICK)


def test_a_gold_that_all_contradict_is_repaired_and_all_others_stay(world):
    problems = sums(3)
    traces = [trace(problems[1], sample, "7", "wrong") for sample in range(3)] + [trace(problems[2], 0, "4", "right")]
    alone = world(REPAIR_GOLD, traces, count=3)
    manifest = alone.run(min_votes=3)
    assert [problem.gold for problem in alone.rows(manifest, "problems")] == ["0", "7", "4"]
    assert (manifest.metrics["repaired"], manifest.metrics["kept"]) == (1, 2)
