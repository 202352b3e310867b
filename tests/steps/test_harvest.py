import os
import signal
import subprocess
import sys
import time
from random import Random
from types import SimpleNamespace

import pytest
from tests.inference.fault_server import FaultServer, always, at_first, boxed, prompt_of, seeded
from tests.steps.alone import Alone, sums, told, write_endpoint, write_lines

from nemoflow.curate.statements import statement_of
from nemoflow.errors import ConfigError, InputError, ProviderError, ProviderRefused, Stopped
from nemoflow.flow.scratch import StoredRows
from nemoflow.inference.keys import request_seed
from nemoflow.ports import free_port
from nemoflow.prompts.form import Form, Shot
from nemoflow.prompts.teacher import ask
from nemoflow.records import Trace, Usage
from nemoflow.steps.harvest import HARVEST
from nemoflow.store import open_store

QUICK = {"concurrency": 8, "retries": 2, "backoff_s": 0.01, "max_wait_s": 0.1, "total_timeout_s": 5.0}


@pytest.fixture
def world(tmp_path):
    """A harvest of so many problems from a server, in a folder of its own."""

    def make(server, count=5, **fields):
        inputs = {
            "problems": write_lines(tmp_path / "problems.jsonl", sums(count)),
            "endpoint": write_endpoint(tmp_path / "endpoint", server.url),
        }
        return Alone(HARVEST, inputs, tmp_path / "root", **fields)

    return make


def kept(world):
    store = open_store(str(world.root))
    groups = {entry.key.split("/")[1] for entry in store.list("traces")}
    return [row["id"] for group in groups for row in StoredRows(store).read(group)]


def test_traces_stand_in_the_order_of_problems_and_samples_whatever_order_they_came_in(world):
    def slow_first(body):
        time.sleep(0.002 * (body["seed"] % 7))
        return boxed(body)

    with FaultServer(answer=slow_first) as server:
        alone = world(server)
        manifest = alone.run(samples=3, **QUICK)
        rows = alone.rows(manifest, "traces")
    assert [(row.problem_id, row.sample) for row in rows] == [(f"p{i:03d}", sample) for i in range(5) for sample in range(3)]
    assert len({row.id for row in rows}) == 15
    first = rows[0]
    assert first.messages == ask("What is 0 + 0?")
    assert first.response.endswith(f"\\boxed{{{first.answer}}}")
    assert (first.source, first.model, first.finish, first.usage) == ("teacher", "m", "stop", Usage(prompt_tokens=10, completion_tokens=7))
    assert manifest.metrics["asked"] == 15
    assert manifest.metrics["completion_tokens"] == 105
    assert manifest.rows_in == 5


def test_the_same_harvest_twice_differs_in_nothing_but_seconds(world, tmp_path):
    rows = []
    for run, concurrency in (("a", 1), ("b", 8)):
        with FaultServer(seeded({"500": 0.2, "close": 0.1}, seed=1)) as server:
            alone = world(server)
            alone.root = tmp_path / run
            rows.append(alone.rows(alone.run(samples=4, **{**QUICK, "retries": 4, "concurrency": concurrency}), "traces"))
    assert [told(row) for row in rows[0]] == [told(row) for row in rows[1]]


def test_going_from_4_to_8_samples_asks_for_4(world):
    with FaultServer() as server:
        alone = world(server)
        few = alone.rows(alone.run("few", samples=4, **QUICK), "traces")
        manifest = alone.run("many", samples=8, **QUICK)
        many = alone.rows(manifest, "traces")
    assert len(server.completions) == len(set(server.completions)) == 40
    assert [row for row in many if row.sample < 4] == few
    assert (manifest.metrics["reused"], manifest.metrics["asked"]) == (20, 20)


def test_where_everything_is_known_nobody_is_asked(world):
    with FaultServer() as server:
        alone = world(server)
        first = alone.rows(alone.run("first", samples=2, **QUICK), "traces")
    again = alone.run("again", fresh=True, samples=2, **{**QUICK, "concurrency": 1})
    assert alone.rows(again, "traces") == first
    assert again.metrics["asked"] == 0


def test_another_sampling_is_another_trace(world):
    with FaultServer() as server:
        alone = world(server)
        alone.run("a", samples=1, **QUICK)
        manifest = alone.run("b", samples=1, temperature=0.5, **QUICK)
    assert manifest.metrics["reused"] == 0


def test_shards_share_the_problems_and_keep_a_problem_whole(world):
    with FaultServer() as server:
        alone = world(server, count=20)
        manifests = [alone.run("s", shards=3, index=index, samples=2, **QUICK) for index in range(3)]
    assert sum(manifest.metrics["traces"] for manifest in manifests) == 40
    assert len(set(server.completions)) == 40
    assert all(manifest.metrics["traces"] % 2 == 0 for manifest in manifests)


def test_limits_by_category_are_taken_before_shards(world):
    with FaultServer() as server:
        alone = world(server, count=20)
        manifests = [alone.run("s", shards=2, index=index, samples=1, categories={"sum": 7}, **QUICK) for index in range(2)]
        with pytest.raises(ConfigError, match=r"categories.sun: no problem has this category; known: sum"):
            alone.run("x", categories={"sun": 7}, **QUICK)
    assert sum(manifest.metrics["traces"] for manifest in manifests) == 7


def test_a_request_that_fails_on_its_own_is_a_trace_with_an_error_and_is_asked_again_by_the_next_run(world):
    def plan(body, attempt):
        return "500" if "What is 3 " in prompt_of(body) and attempt < 3 else "ok"

    with FaultServer(plan) as server:
        alone = world(server, count=40)
        manifest = alone.run("a", samples=1, **QUICK)
        rows = alone.rows(manifest, "traces")
        again = alone.rows(alone.run("b", samples=1, **QUICK), "traces")
    (failed,) = [row for row in rows if row.error]
    assert (failed.problem_id, failed.response, failed.answer, failed.finish) == ("p003", "", None, "error")
    assert '500: "told to say 500' in failed.error
    assert manifest.metrics["failed"] == 1
    assert again[3].error is None
    assert [told(row) for row in again if row.problem_id != "p003"] == [told(row) for row in rows if row.problem_id != "p003"]


def test_one_request_that_the_server_does_not_take_does_not_stop_the_others(world):
    with FaultServer(lambda body, attempt: "400" if "What is 3 " in prompt_of(body) else "ok") as server:
        alone = world(server, count=10)
        rows = alone.rows(alone.run(samples=1, **QUICK), "traces")
    assert [row.problem_id for row in rows if row.error] == ["p003"]


def test_a_small_set_of_which_most_failed_ends_with_75_and_what_was_answered_is_kept(world):
    with FaultServer(lambda body, attempt: "ok" if "What is 3 " in prompt_of(body) else "500") as server:
        alone = world(server, count=4)
        with pytest.raises(ProviderError, match=r"3 of 4 requests failed \(allowed: 10%\); what was answered is kept") as caught:
            alone.run(samples=1, **{**QUICK, "retries": 0})
        assert len(kept(alone)) == 1
        server.plan = always("ok")
        assert alone.run(samples=1, **QUICK).metrics["asked"] == 3
    assert caught.value.exit_code == 75


def test_counts_of_tokens_that_are_none_end_with_75(world):
    with (
        FaultServer(usage={"prompt_tokens": "many"}) as server,
        pytest.raises(ProviderError, match=r"usage\.prompt_tokens = 'many'") as caught,
    ):
        world(server, count=2).run(samples=1, **QUICK)
    assert caught.value.exit_code == 75


def test_an_answer_that_says_nothing_is_a_trace_without_an_answer_and_is_counted(world):
    with FaultServer(answer=lambda body: "") as server:
        alone = world(server, count=2)
        manifest = alone.run(samples=1, **QUICK)
        again = alone.run("again", fresh=True, samples=1, **QUICK)
    assert [(row.response, row.answer, row.error, row.finish) for row in alone.rows(manifest, "traces")] == [("", None, None, "stop")] * 2
    assert (manifest.metrics["empty"], manifest.metrics["failed"], again.metrics["asked"]) == (2, 0, 0)


def test_an_empty_set_of_problems_is_refused_by_its_address(world):
    with FaultServer() as server, pytest.raises(InputError, match=r"problems\.jsonl: the input problems holds no rows"):
        world(server, count=0).run(**QUICK)


def test_an_endpoint_that_goes_down_ends_the_step_with_75_and_what_was_answered_is_kept(world):
    def plan(body, attempt):
        return "503" if len(server.completions) >= 12 else "ok"

    with FaultServer(plan) as server:
        alone = world(server, count=100)
        with pytest.raises(ProviderError, match="what was answered is kept") as caught:
            alone.run(samples=1, **{**QUICK, "retries": 0}, max_errors_in_a_row=5)
        assert len(kept(alone)) == len(server.completions)
        server.plan = always("ok")
        manifest = alone.run(samples=1, **QUICK)
    assert caught.value.exit_code == 75
    assert manifest.metrics["failed"] == 0
    assert len(server.completions) == len(set(server.completions)) == 100


def test_nobody_at_the_url_ends_the_step_quickly_with_75(world):
    nobody = SimpleNamespace(url=f"http://127.0.0.1:{free_port()}/v1")
    begun = time.monotonic()
    with pytest.raises(ProviderError, match="is the server up") as caught:
        world(nobody).run(samples=2, **QUICK)
    assert caught.value.exit_code == 75
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(("fault", "most"), [("401", 8), ("404", 8), ("400", 12)])
def test_a_refusal_of_everything_ends_the_step_with_2(world, fault, most):
    with FaultServer(always(fault)) as server, pytest.raises(ProviderRefused, match=fault) as caught:
        world(server, count=50).run(samples=2, **QUICK, max_error_share=0.1)
    assert caught.value.exit_code == 2
    assert len(server.bodies) <= most


def test_asked_to_stop_it_commits_and_stops_and_the_next_run_goes_on(world):
    with FaultServer(delay_s=0.02) as server:
        alone = world(server, count=100, stopping=lambda: len(server.completions) >= 20)
        with pytest.raises(Stopped):
            alone.run(samples=1, **QUICK)
        safe = kept(alone)
        assert 20 <= len(safe) <= len(server.completions)
        alone.stopping = lambda: False
        manifest = alone.run(samples=1, **QUICK)
    assert manifest.metrics["reused"] == len(safe)
    assert len(server.completions) <= 100 + QUICK["concurrency"]


def test_traces_are_made_safe_while_others_are_still_awaited(world):
    seen = []

    def plan(body, attempt):
        seen.append(len(kept(alone)))
        return "ok"

    with FaultServer(plan, delay_s=0.1) as server:
        alone = world(server, count=32)
        alone.run(samples=1, **QUICK, commit_rows=8)
    assert max(seen) >= 8


def test_a_config_that_asks_for_one_answer_many_times_is_refused():
    with pytest.raises(ValueError, match="temperature 0 gives the same answer every time"):
        HARVEST.config(temperature=0, samples=2)
    with pytest.raises(ValueError, match="at least 1 problem"):
        HARVEST.config(categories={"sum": 0})


def test_an_endpoint_file_without_a_url_is_named(world, tmp_path):
    with FaultServer() as server:
        alone = world(server)
    (tmp_path / "endpoint" / "endpoint.json").write_text('{"model": "m"}')
    with pytest.raises(InputError, match=r"endpoint\.json: url"):
        alone.run(**QUICK)


CHILD = """
import sys
from pathlib import Path
from nemoflow.steps.harvest import HARVEST
from tests.steps.alone import Alone
problems, endpoint, root = map(Path, sys.argv[1:])
alone = Alone(HARVEST, {"problems": problems, "endpoint": endpoint}, root)
alone.run(samples=2, concurrency=4, backoff_s=0.01, commit_rows=5, commit_s=0.2)
"""
IN_FLIGHT, UNCOMMITTED = 4, 40
"""What a kill may cost: the requests in flight, and the rows of about two looks at what is due (0.1 s, some 100 answers a second)."""


def test_killed_at_random_moments_every_row_is_there_once_and_little_is_asked_twice(world):
    random = Random(5)
    with FaultServer(at_first(), delay_s=0.03) as server:
        alone = world(server, count=120)
        command = [sys.executable, "-c", CHILD, *map(str, (alone.inputs["problems"], alone.inputs["endpoint"], alone.root))]
        kills = 0
        for _ in range(4):
            before = len(server.bodies)
            child = subprocess.Popen(command)
            while child.poll() is None and len(server.bodies) == before:
                time.sleep(0.01)
            time.sleep(random.uniform(0.05, 0.5))
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
                kills += 1
            child.wait()
        assert subprocess.run(command, check=False).returncode == 0
    assert kills >= 3
    (part,) = (alone.root / "runs" / "r" / "node" / "traces").glob("*.jsonl")
    rows = [Trace.model_validate_json(line) for line in part.read_bytes().splitlines()]
    assert [(row.problem_id, row.sample) for row in rows] == [(f"p{i:03d}", sample) for i in range(120) for sample in range(2)]
    assert sorted(kept(alone)) == sorted({row.id for row in rows})
    assert len(server.completions) <= 240 + kills * (IN_FLIGHT + UNCOMMITTED)


def samples_of(rows):
    counts = {}
    for row in rows:
        counts[row.problem_id] = counts.get(row.problem_id, 0) + 1
    return counts


def test_samples_stop_once_enough_of_them_verify_as_equal_and_the_rest_is_cancelled_at_the_server(world):
    def halves(body):
        words = ("\\boxed{\\frac{1}{2}}", "\\boxed{\\dfrac{1}{2}}", "\\boxed{$\\frac{1}{2}$}")[body["seed"] % 3]
        return words if body["seed"] % 5 else "word " * 400 + "\\boxed{7}"

    with FaultServer(answer=halves, piece_s=0.01) as server:
        alone = world(server, count=4)
        manifest = alone.run(samples=12, agree=3, **{**QUICK, "concurrency": 12, "total_timeout_s": 60})
        rows = alone.rows(manifest, "traces")
        asked = len(server.bodies)
        again = alone.run("again", fresh=True, samples=12, agree=3, **QUICK)
        assert len(server.bodies) == asked
    assert all(3 <= count < 12 for count in samples_of(rows).values())
    assert manifest.metrics["agreed"] == 4
    assert manifest.metrics["unneeded"] == 48 - len(rows)
    assert alone.rows(again, "traces") == rows
    assert server.abandoned > 0
    assert all(row.error is None and row.finish == "stop" for row in rows)


def test_agreement_asked_for_later_counts_the_samples_that_are_there(world):
    with FaultServer(answer=lambda body: "\\boxed{1}") as server:
        alone = world(server, count=3)
        alone.run("few", samples=3, **QUICK)
        manifest = alone.run("agreed", samples=8, agree=4, **{**QUICK, "concurrency": 1})
    assert manifest.metrics["reused"] == 9
    assert set(samples_of(alone.rows(manifest, "traces")).values()) <= {4, 5}


def test_stragglers_are_not_waited_for(world):
    def slow_one(body):
        return 30.0 if body["seed"] == slowest else 0.01

    slowest = request_seed(0, 2)
    begun = time.monotonic()
    with FaultServer(delay_s=slow_one) as server:
        alone = world(server, count=3)
        manifest = alone.run(samples=4, stragglers=1, **{**QUICK, "total_timeout_s": 60})
    assert time.monotonic() - begun < 20
    assert set(samples_of(alone.rows(manifest, "traces")).values()) == {3}
    assert manifest.metrics["left_behind"] == 3


def test_under_the_clock_problems_come_one_after_the_other_and_end_when_their_time_is_up(world):
    def late(body):
        return 60.0 if "What is 1 " in prompt_of(body) else 0.05

    begun = time.monotonic()
    with FaultServer(delay_s=late) as server:
        alone = world(server, count=3)
        manifest = alone.run(samples=2, seconds_each=1.0, seconds_most=2.0, **{**QUICK, "total_timeout_s": 90})
    assert time.monotonic() - begun < 30
    assert samples_of(alone.rows(manifest, "traces")) == {"p000": 2, "p002": 2}
    assert manifest.metrics["out_of_time"] == 1
    assert [prompt_of(body)[:10] for body in server.bodies] == ["What is 0 "] * 2 + ["What is 1 "] * 2 + ["What is 2 "] * 2


def test_each_effort_is_told_as_the_models_family_has_it_and_marked_in_its_traces(world, tmp_path):
    with FaultServer() as server:
        alone = world(server, count=1)
        write_endpoint(tmp_path / "endpoint", server.url, model="openai/gpt-oss-20b")
        rows = alone.rows(alone.run(samples=2, efforts=["high", "low"], **{**QUICK, "concurrency": 1}), "traces")
    assert [body["reasoning_effort"] for body in server.bodies] == ["high", "high", "low", "low"]
    assert [(row.meta["mode"], row.sample) for row in rows] == [("high", 0), ("high", 1), ("low", 0), ("low", 1)]
    assert len({row.id for row in rows}) == 4


def test_a_thought_that_is_cut_off_is_answered_from_the_tail_and_marked(world):
    def answer(body):
        return "\\boxed{42}" if len(body["messages"]) > 1 else "<think>\nI think"

    def finish(body):
        return "stop" if len(body["messages"]) > 1 else "length"

    with FaultServer(answer=answer, finish=finish) as server:
        alone = world(server, count=2)
        manifest = alone.run(samples=1, max_tokens=100, answer_tokens=20, **QUICK)
        rows = alone.rows(manifest, "traces")
    assert [(row.response, row.answer, row.finish, row.meta["repairs"]) for row in rows] == [
        ("<think>\nI think\n</think>\n\\boxed{42}", "42", "stop", ["forced-answer"])
    ] * 2
    assert manifest.metrics["repaired.forced-answer"] == 2
    assert {body["max_tokens"] for body in server.bodies} == {80, 20}


def test_a_mix_of_teachers_shares_the_samples_and_each_trace_names_its_own(world, tmp_path):
    with FaultServer() as one, FaultServer() as two:
        alone = world(one, count=30)
        mixed = [{"url": two.url, "model": "b", "revision": "7", "weight": 2.0}]
        write_endpoint(tmp_path / "endpoint", one.url, model="a", mixed=mixed, price={"completion": 1e6})
        manifest = alone.run(samples=2, **QUICK)
        rows = alone.rows(manifest, "traces")
    assert {row.model for row in rows} == {"a", "b@7"}
    assert len(one.completions) == sum(row.model == "a" for row in rows)
    assert {body["model"] for body in two.bodies} == {"b"}
    assert manifest.metrics["cost"] == 7.0 * len(one.completions)


def test_a_server_that_is_pressed_too_hard_is_pressed_less(world):
    with FaultServer(capacity=6, delay_s=0.02) as server:
        alone = world(server, count=60)
        manifest = alone.run(samples=1, **{**QUICK, "concurrency": 24, "concurrency_start": 24, "retries": 30})
    assert manifest.metrics["failed"] == 0
    assert manifest.metrics["retries.503"] > 0
    assert len(server.completions) == len(set(server.completions)) == 60


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"answer_tokens": 7680}, "answer_tokens = 7680: less than max_tokens"),
        ({"efforts": ("high", "high")}, "each effort once"),
        ({"agree": 5}, "a problem has 4 samples"),
        ({"stragglers": 4}, "a problem has 4 samples"),
        ({"seconds_each": 10, "seconds_most": 5}, "seconds_most = 5: at least seconds_each, which is 10"),
    ],
)
def test_a_config_that_cannot_be_meant_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        HARVEST.config(**fields)


def test_a_form_of_ones_own_is_sent_kept_apart_and_its_suffix_is_no_part_of_the_statement(world, tmp_path):
    form = Form(system="Be careful.", suffix="Box it.", shots=(Shot(problem_id="s", statement="1 + 1?", response="\\boxed{2}"),))
    (tmp_path / "prompt.json").write_text(form.model_dump_json())
    with FaultServer() as server:
        alone = world(server, 3)
        alone.run("plain", samples=1, **QUICK)
        alone.inputs["prompt"] = tmp_path / "prompt.json"
        manifest = alone.run("formed", samples=1, **QUICK)
        with pytest.raises(ConfigError, match="the input `prompt` has the system message"):
            alone.run("both", samples=1, system="x", **QUICK)
    assert len(server.completions) == 6
    rows = alone.rows(manifest, "traces")
    assert [turn.role for turn in rows[0].messages] == ["system", "user", "assistant", "user"]
    assert rows[0].messages[-1].content == "What is 0 + 0?\nBox it."
    assert [statement_of(row) for row in rows] == [problem.statement for problem in sums(3)]
