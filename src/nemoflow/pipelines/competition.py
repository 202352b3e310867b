"""The competition: problems, public sets and a base model of one's own, to a checked submission.zip."""

from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import From, Node, Pipeline, Source
from nemoflow.flow.workflow import Workflow
from nemoflow.pipelines.core import LEARNED_FROM, SEEN, collect, curate, last, release, teach
from nemoflow.pipelines.tuning import refuse_tuning
from nemoflow.steps import HARVEST_PUBLIC, LOAD_PROBLEMS, WAKE_TEACHER
from nemoflow.steps.load_problems import LoadProblemsConfig


def competition(workflow: Workflow) -> Pipeline:
    """Inputs of the workflow file: `problems` (the contest's train.csv), `model` (the base), optional `public`, `teacher_prompt`."""
    refuse_tuning(workflow)
    problems, held_out = From("load-problems", "train"), From("load-problems", "eval")
    file = workflow.uri("problems", "the contest's train.csv or a JSONL of problems")
    load = workflow.node("load-problems", LOAD_PROBLEMS, {"file": file})
    _require_both_sides(workflow, load)
    nodes = [load]
    model = workflow.uri("model", "a folder with the base model: config.json, safetensors, tokenizer")
    extra: dict[str, Source] = {}
    if workflow.has("public"):
        nodes += [
            workflow.node("load-public", LOAD_PROBLEMS, {"file": workflow.uri("public", "a public set such as GSM8K")}),
            workflow.node("harvest-public", HARVEST_PUBLIC, {"problems": From("load-public", "train"), "own": problems}),
        ]
        extra["public"] = From("harvest-public", "traces")
    nodes += [
        workflow.node("wake-teacher", WAKE_TEACHER),
        *collect(workflow, problems, From("wake-teacher", "endpoint")),
        *curate(workflow, {**LEARNED_FROM, **extra}, problems, held_out),
        *teach(workflow, held_out, model, {**SEEN, **extra}, problems),
    ]
    more, left_out = last(workflow)
    return Pipeline("competition", (*nodes, *more), cleanup=release(workflow), left_out=left_out)


def _require_both_sides(workflow: Workflow, load: Node) -> None:
    """Whoever has nothing held out hears it before a teacher is paid, not from `decontaminate` afterwards."""
    assert isinstance(load.config, LoadProblemsConfig), "the config of LOAD_PROBLEMS"
    share = load.config.eval_share
    if not 0 < share < 1:
        raise ConfigError(
            f"{workflow.where}: {load.name}.eval_share: {share:g} leaves one side empty; the competition learns from one side and "
            "evaluates on the other: a share between 0 and 1, such as 0.1, is right"
        )
