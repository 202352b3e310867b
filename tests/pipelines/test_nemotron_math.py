"""Nemotron-Math's pipeline: its shape, and the whole way on this machine with a teacher of three efforts and Python."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from nemoflow.answers.competition import verify
from nemoflow.curate.recipe import Recipe
from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import From
from nemoflow.flow.workflow import build_pipeline, load_workflow
from nemoflow.pipelines import PIPELINES
from nemoflow.prompts.modes import message
from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.records import Example, Problem, Trace

WORKFLOWS = Path(__file__).parents[2] / "workflows"
REDUCED = Path(__file__).with_name("nemotron_reduced.toml")
ASKED = ("high", "medium", "low", "high+python", "medium+python", "low+python")


def built(sets="{}", name="nemotron_math"):
    return build_pipeline(load_workflow(WORKFLOWS / f"{name}.toml", sets), PIPELINES)


def source(pipeline, node, name):
    return pipeline.by_name[node].inputs[name]


def test_gold_is_repaired_by_samples_with_and_without_python_and_everything_after_goes_by_the_repaired():
    pipeline = built()
    assert source(pipeline, "verify-samples", "traces") == From("harvest", "traces")
    assert source(pipeline, "verify-samples", "more") == From("harvest-python", "traces")
    assert source(pipeline, "repair-gold", "traces") == From("verify-samples", "traces")
    for node in ("verify", "judge", "decontaminate", "mix"):
        assert source(pipeline, node, "problems") == From("repair-gold", "problems")
    assert source(pipeline, "filter", "traces") == From("judge", "traces")


def test_the_student_is_told_modes_in_learning_and_asked_in_the_six_of_the_teacher():
    for name in ("nemotron_math", "nemotron_demo"):
        nodes = built(name=name).by_name
        assert nodes["mix"].config.tell_modes
        assert nodes["mix"].config.balance_modes
        assert nodes["harvest"].config.tools == "none" != nodes["harvest-python"].config.tools
        asked = [*nodes["harvest"].config.efforts, *(f"{effort}+python" for effort in nodes["harvest-python"].config.efforts)]
        assert nodes["evaluate-base"].config.modes == nodes["evaluate-adapter"].config.modes == tuple(asked) == ASKED
        assert nodes["filter"].config.pass_rates == {"low": (0.0, 0.8)}


def test_the_teacher_judges_unless_a_judge_is_named_and_is_given_back_after_it_judged():
    own = built()
    assert source(own, "judge", "endpoint") == From("wake-teacher", "endpoint") == source(own, "release-teacher", "endpoint")
    other = built('{"inputs.judge": "s3://bucket/judge"}')
    assert source(other, "judge", "endpoint") == "s3://bucket/judge"


def test_the_student_may_be_scored_on_problems_of_their_own():
    assert source(built(), "evaluate-adapter", "problems") == From("load-problems", "eval")
    pipeline = built(
        '{"inputs.eval": "aime.jsonl", "load-eval.format": "aime", "load-eval.eval_share": 1.0, "load-problems.eval_share": 0}'
    )
    for node, name in (("evaluate-adapter", "problems"), ("evaluate-base", "problems"), ("decontaminate", "eval"), ("report", "problems")):
        assert source(pipeline, node, name) == From("load-eval", "eval")


def test_a_prompt_is_tuned_where_a_section_asks_for_it_and_both_sides_are_asked_in_what_won():
    assert not any("prompt" in node.inputs for node in built().by_name.values())
    assert "tune-prompt" in built().left_out
    asked = '"tune-prompt.systems": ["", "Be careful."], "inputs.dev": "dev.jsonl"'
    for shots, more in (("", {}), (', "tune-prompt.shots": [0, 2]', {"shots": From("judge", "traces")})):
        pipeline = built(f"{{{asked}{shots}}}")
        edges = pipeline.by_name["tune-prompt"].edges
        assert edges == {"dev": From("load-dev", "eval"), "test": From("load-problems", "eval"), **more}
        assert pipeline.by_name["load-dev"].config.eval_share == 1.0
        for node in ("evaluate-base", "evaluate-adapter"):
            assert source(pipeline, node, "prompt") == From("tune-prompt", "prompt")
        assert source(pipeline, "report", "tuning") == From("tune-prompt", "report")
    assert built(f'{{{asked}, "load-dev.eval_share": 0.5}}').by_name["load-dev"].config.eval_share == 0.5
    with pytest.raises(ConfigError, match=r"inputs\.dev: missing; it names problems to tune the prompt on"):
        built('{"tune-prompt.first": 8}')


def rows(root, address, record):
    return [record.model_validate_json(line) for line in (root / "runs/reduced" / address / "part.jsonl").read_text().splitlines()]


def each_problem_is_sampled_in_six_modes_and_code_runs_in_those_with_python(root):
    traces = rows(root, "judge/traces", Trace)
    assert Counter(trace.mode for trace in traces) == dict.fromkeys(ASKED, 120)
    with_code = [trace for trace in traces if trace.meta.get("calls")]
    assert {trace.mode for trace in with_code} == {"high+python", "medium+python", "low+python"}
    assert all(call["status"] == "ok" for trace in with_code for call in trace.meta["calls"])
    assert all(trace.verdict.rule != "no-gold" for trace in traces)


def gold_answers_that_were_missing_or_wrong_are_those_that_the_puzzles_have(root):
    before = {problem.id: problem for problem in rows(root, "make-problems/train", Problem)}
    after = rows(root, "repair-gold/problems", Problem)
    made = Counter(problem.meta.get("gold_by", "kept") for problem in after)
    assert made["majority"] == sum(problem.gold is None for problem in before.values()) > 0
    assert made["repaired"] > 0
    assert all(verify(FAMILIES[problem.category].solve(problem.statement).answer, problem.gold) for problem in after)


def problems_that_the_low_effort_solves_are_left_out_with_all_their_traces(root):
    judged, kept = rows(root, "judge/traces", Trace), rows(root, "filter/kept", Trace)
    low = {}
    for trace in judged:
        if trace.mode == "low":
            low.setdefault(trace.problem_id, []).append(trace.verdict.verdict == "right")
    easy = {name for name, found in low.items() if sum(found) / len(found) >= 0.8}
    assert easy
    assert not easy & {trace.problem_id for trace in kept}


def each_mode_of_a_length_bucket_has_as_many_rows_as_the_others(root):
    traces = {trace.id: trace for trace in rows(root, "decontaminate/kept", Trace)}
    corpus = rows(root, "mix/corpus", Example)
    recipe = Recipe(buckets=(16, 32, 64, 128))
    cells = Counter((recipe.bucket(traces[row.trace_id].usage.completion_tokens), traces[row.trace_id].mode) for row in corpus)
    for bucket in {bucket for bucket, _ in cells}:
        assert len({count for (other, _), count in cells.items() if other == bucket}) == 1
    for row in corpus:
        assert row.prompt == message(traces[row.trace_id].messages[-1].content.partition("\nPlease put")[0], traces[row.trace_id].mode)


def both_models_are_scored_in_each_mode_and_the_report_tells_it(root):
    for node in ("evaluate-base", "evaluate-adapter"):
        report = json.loads((root / "runs/reduced" / node / "report/report.json").read_bytes())
        assert {mode: tally["problems"] for mode, tally in report["modes"].items()} == dict.fromkeys(ASKED, 10)
    page = root / "runs/reduced/report/page"
    assert "Accuracy per mode" in (page / "index.html").read_text()
    assert all(mode in (page / "index.html").read_text() for mode in ASKED)


def another_mix_asks_the_teacher_for_nothing(root):
    sets = '{"mix.tell_modes": false}'
    command = [sys.executable, "-m", "nemoflow.cli.main", "plan", str(REDUCED), "--root", str(root), "--run", "second", "--set", sets]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    would_run = {line.split()[0] for line in done.stdout.splitlines() if " would run " in line and line.startswith("  ")}
    assert would_run == {"mix", "train", "evaluate-adapter", "gate", "package", "report"}


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_whole_way_samples_repairs_filters_balances_teaches_and_scores_by_mode(tmp_path):
    """One run, and all that has to be true of it."""
    command = [sys.executable, "-m", "nemoflow.cli.main", "run", str(REDUCED), "--root", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    each_problem_is_sampled_in_six_modes_and_code_runs_in_those_with_python(tmp_path)
    gold_answers_that_were_missing_or_wrong_are_those_that_the_puzzles_have(tmp_path)
    problems_that_the_low_effort_solves_are_left_out_with_all_their_traces(tmp_path)
    each_mode_of_a_length_bucket_has_as_many_rows_as_the_others(tmp_path)
    both_models_are_scored_in_each_mode_and_the_report_tells_it(tmp_path)
    another_mix_asks_the_teacher_for_nothing(tmp_path)
