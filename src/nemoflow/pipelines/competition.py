"""The competition: problems, public sets and a base model of one's own, to a checked submission.zip."""

from nemoflow.flow.pipeline import From, Pipeline, Source
from nemoflow.flow.workflow import Workflow
from nemoflow.pipelines.core import collect, curate, release, teach
from nemoflow.steps import HARVEST_PUBLIC, LOAD_PROBLEMS, WAKE_TEACHER


def competition(workflow: Workflow) -> Pipeline:
    """Inputs of the workflow file: `problems` (the contest's train.csv, say), `model` (the base), and optionally `public`."""
    problems, held_out = From("load-problems", "train"), From("load-problems", "eval")
    nodes = [
        workflow.node("load-problems", LOAD_PROBLEMS, {"file": workflow.uri("problems", "the contest's train.csv or a JSONL of problems")})
    ]
    model = workflow.uri("model", "a folder with the base model: config.json, safetensors, tokenizer")
    extra: dict[str, Source] = {}
    if workflow.has("public"):
        nodes += [
            workflow.node("load-public", LOAD_PROBLEMS, {"file": workflow.uri("public", "a public set such as GSM8K")}),
            workflow.node("harvest-public", HARVEST_PUBLIC, {"problems": From("load-public", "train")}),
        ]
        extra["public"] = From("harvest-public", "traces")
    nodes += [
        workflow.node("wake-teacher", WAKE_TEACHER),
        *collect(workflow, problems, From("wake-teacher", "endpoint")),
        *curate(workflow, problems, held_out, extra),
        *teach(workflow, held_out, model, extra),
    ]
    return Pipeline("competition", tuple(nodes), cleanup=release(workflow))
