"""Nemotron-Math (arXiv 2512.15489): three efforts, with and without Python, to a student that is told how hard to think.

What its makers did, in the steps that are here: samples of every problem in six modes; gold answers that are missing or that no sample
reaches taken from the majority; all samples verified again and judged; problems that the low effort solves too often left out; as many
examples of each mode in each length bucket; the student scored in each mode.
"""

from nemoflow.flow.pipeline import From, Node, Pipeline, Source
from nemoflow.flow.workflow import Workflow
from nemoflow.pipelines.core import curate, release, teach
from nemoflow.pipelines.tuning import ask, tune, untuned
from nemoflow.steps import HARVEST, JUDGE, LOAD_PROBLEMS, MAKE_PROBLEMS, MAKE_STUDENT, REPAIR_GOLD, VERIFY, WAKE_TEACHER


def nemotron_math(workflow: Workflow) -> Pipeline:
    """Inputs of the workflow file: `problems`, `model` (the student), and optionally `eval` and `judge`.

    `eval` are problems to score the student on, else some of `problems` are held out; `judge` is a folder with the judge's
    `endpoint.json`, else the teacher judges; `dev` are problems for [tune-prompt]; `teacher_prompt` is
    the form that the teacher is asked in.
    """
    file = workflow.uri("problems", "problems, with or without gold answers, such as Nemotron-Math's or AoPS's")
    nodes = [workflow.node("load-problems", LOAD_PROBLEMS, {"file": file})]
    held_out = From("load-problems", "eval")
    if workflow.has("eval"):
        nodes.append(workflow.node("load-eval", LOAD_PROBLEMS, {"file": workflow.uri("eval", "problems to score the student on")}))
        held_out = From("load-eval", "eval")
    model = workflow.uri("model", "a folder with the student: config.json, safetensors, tokenizer")
    nodes += _from_problems(workflow, From("load-problems", "train"), held_out, model)
    return Pipeline("nemotron_math", tuple(nodes), cleanup=release(workflow), left_out=untuned(workflow))


def nemotron_demo(workflow: Workflow) -> Pipeline:
    """The same on one machine: generated puzzles with some gold answers missing or wrong, a tiny student, the solver teacher."""
    problems, held_out = From("make-problems", "train"), From("make-problems", "eval")
    nodes = [
        workflow.node("make-problems", MAKE_PROBLEMS),
        workflow.node("make-student", MAKE_STUDENT, {"problems": problems}),
        *_from_problems(workflow, problems, held_out, From("make-student", "model")),
    ]
    return Pipeline("nemotron_demo", tuple(nodes), cleanup=release(workflow), left_out=untuned(workflow))


def _from_problems(workflow: Workflow, problems: From, held_out: From, model: Source) -> list[Node]:
    teacher = From("wake-teacher", "endpoint")
    judge: Source = workflow.uri("judge", "a folder with the judge's endpoint.json") if workflow.has("judge") else teacher
    return [
        workflow.node("wake-teacher", WAKE_TEACHER),
        *_collect(workflow, problems, teacher, judge),
        *curate(workflow, {"traces": From("judge", "traces")}, From("repair-gold", "problems"), held_out),
        *tune(workflow, held_out, model, From("judge", "traces")),
        *teach(
            workflow,
            held_out,
            model,
            {"traces": From("harvest", "traces"), "verified": From("judge", "traces")},
            From("repair-gold", "problems"),
        ),
    ]


def _collect(workflow: Workflow, problems: From, teacher: From, judge: Source) -> list[Node]:
    """Sample without and with Python, repair the gold answers by all of it, verify by the repaired ones, judge what rules could not."""
    sampled, repaired = From("verify-samples", "traces"), From("repair-gold", "problems")
    both = {"traces": From("harvest", "traces"), "more": From("harvest-python", "traces")}
    return [
        workflow.node("harvest", HARVEST, ask(workflow, problems, teacher)),
        workflow.node("harvest-python", HARVEST, ask(workflow, problems, teacher)),
        workflow.node("verify-samples", VERIFY, {"problems": problems, **both}),
        workflow.node("repair-gold", REPAIR_GOLD, {"problems": problems, "traces": sampled}),
        workflow.node("verify", VERIFY, {"problems": repaired, "traces": sampled}),
        workflow.node("judge", JUDGE, {"problems": repaired, "traces": From("verify", "traces"), "endpoint": judge}),
    ]
