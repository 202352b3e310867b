"""What the pipelines share: from problems and a woken teacher to a checked zip and a report."""

from collections.abc import Mapping

from nemoflow.flow.pipeline import From, Node, Source
from nemoflow.flow.workflow import Workflow
from nemoflow.steps import (
    DECONTAMINATE,
    DEDUP,
    EVALUATE,
    FILTER,
    GATE,
    HARVEST,
    MIX,
    NOTEBOOK,
    PACKAGE,
    RATIONALIZE,
    RELEASE_TEACHER,
    REPORT,
    SUBMIT,
    TRAIN,
    VERIFY,
)

LEARNED_FROM: Mapping[str, Source] = {"traces": From("verify", "traces"), "rationalized": From("rationalize", "traces")}
"""What the filter takes of `collect`, by its inputs' names."""
SEEN: Mapping[str, Source] = {
    "traces": From("harvest", "traces"),
    "verified": From("verify", "traces"),
    "rationalized": From("rationalize", "traces"),
}
"""What the report takes of `collect`."""


ASK = "asked for by"
UNCONFIRMED = "acts on the world, so only with"


def collect(workflow: Workflow, problems: From, teacher: From) -> list[Node]:
    """Harvest, verify, and ask the failures again with the answer known."""
    return [
        workflow.node("harvest", HARVEST, {"problems": problems, "endpoint": teacher}),
        workflow.node("verify", VERIFY, {"problems": problems, "traces": From("harvest", "traces")}),
        workflow.node("rationalize", RATIONALIZE, {"problems": problems, "traces": From("verify", "traces"), "endpoint": teacher}),
    ]


def curate(workflow: Workflow, traces: Mapping[str, Source], problems: From, held_out: From) -> list[Node]:
    """Filter, dedup, decontaminate and mix; `traces` are the filter's, by its inputs' names."""
    return [
        workflow.node("filter", FILTER, traces),
        workflow.node("dedup", DEDUP, {"traces": From("filter", "kept")}),
        workflow.node("decontaminate", DECONTAMINATE, {"traces": From("dedup", "kept"), "problems": problems, "eval": held_out}),
        workflow.node("mix", MIX, {"traces": From("decontaminate", "kept"), "problems": problems}),
    ]


def teach(workflow: Workflow, held_out: From, model: Source, seen: Mapping[str, Source]) -> list[Node]:
    """Score the base, train the adapter, score it, package it if the gate lets it, report on all of it and on the `seen` traces."""
    adapter = From("train", "adapter")
    rollouts = {"base_rollouts": From("evaluate-base", "rollouts"), "adapter_rollouts": From("evaluate-adapter", "rollouts")}
    return [
        workflow.node("evaluate-base", EVALUATE, {"problems": held_out, "model": model}),
        workflow.node("train", TRAIN, {"corpus": From("mix", "corpus"), "model": model}),
        workflow.node("evaluate-adapter", EVALUATE, {"problems": held_out, "model": model, "adapter": adapter}),
        workflow.node("gate", GATE, {"problems": held_out, **rollouts}),
        workflow.node("package", PACKAGE, {"adapter": adapter, "model": model, "gate": From("gate", "decision")}),
        workflow.node("report", REPORT, _evidence(held_out, model, seen)),
    ]


def notebook(workflow: Workflow) -> Node:
    """Notebooks that repeat training and evaluation on Kaggle."""
    return workflow.node("notebook", NOTEBOOK, {"adapter": From("train", "adapter"), "report": From("evaluate-adapter", "report")})


def last(workflow: Workflow) -> tuple[list[Node], dict[str, str]]:
    """What a workflow may ask for beyond the report, each by a section of its own; and what is left out, with the reason."""
    nodes, left_out = [], {}
    if workflow.asks_for("notebook"):
        nodes.append(notebook(workflow))
    else:
        left_out["notebook"] = f"{ASK} [notebook]"
    if not workflow.asks_for("submit"):
        left_out["submit"] = f"{ASK} [submit] with competition and confirm = true"
    else:
        node = workflow.node("submit", SUBMIT, {"submission": From("package", "submission"), "report": From("evaluate-adapter", "report")})
        if getattr(node.config, "confirm", False):
            nodes.append(node)
        else:
            left_out["submit"] = f"{UNCONFIRMED} submit.confirm = true"
    return nodes, left_out


def _evidence(held_out: From, model: Source, seen: Mapping[str, Source]) -> dict[str, Source]:
    """What the report reads; most of it for the manifests alone."""
    return {
        "problems": held_out,
        "base": From("evaluate-base", "report"),
        "base_rollouts": From("evaluate-base", "rollouts"),
        "adapter": From("evaluate-adapter", "report"),
        "adapter_rollouts": From("evaluate-adapter", "rollouts"),
        "lora": From("train", "adapter"),
        "corpus": From("mix", "corpus"),
        "gate": From("gate", "decision"),
        "submission": From("package", "submission"),
        "rejected": From("filter", "rejected"),
        "duplicates": From("dedup", "rejected"),
        "contaminated": From("decontaminate", "rejected"),
        "model": model,
        **seen,
    }


def release(workflow: Workflow) -> Node:
    """The cleanup: gives the teacher back whatever happened."""
    return workflow.node("release-teacher", RELEASE_TEACHER, {"endpoint": From("wake-teacher", "endpoint")})
