"""What the pipelines share: from problems and a woken teacher to a checked zip and a report."""

from collections.abc import Callable, Mapping, Sequence

from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import From, Node, Source
from nemoflow.flow.workflow import Workflow
from nemoflow.pipelines.tuning import ask, chosen_form, chosen_how
from nemoflow.steps import (
    CARDS,
    DECONTAMINATE,
    DEDUP,
    EVALUATE,
    FILTER,
    GATE,
    HARVEST,
    MIX,
    NOTEBOOK,
    PACKAGE,
    PUBLISH,
    RATIONALIZE,
    REINFORCE,
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


def collect(workflow: Workflow, problems: From, teacher: From) -> list[Node]:
    """Harvest, verify, and ask the failures again with the answer known."""
    return [
        workflow.node("harvest", HARVEST, ask(workflow, problems, teacher)),
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


def teach(workflow: Workflow, held_out: From, model: Source, seen: Mapping[str, Source], problems: From | None = None) -> list[Node]:
    """Score the base, train the adapter, score it, package it if the gate lets it, report on all of it and on the `seen` traces.

    Where the workflow file has a section [reinforce], the adapter goes on from training to reward on `problems`, or on puzzles.
    """
    adapter = adapter_of(workflow)
    form, tuning = chosen_form(workflow), chosen_how(workflow)
    rollouts = {"base_rollouts": From("evaluate-base", "rollouts"), "adapter_rollouts": From("evaluate-adapter", "rollouts")}
    return [
        workflow.node("evaluate-base", EVALUATE, {"problems": held_out, "model": model, **form}),
        workflow.node("train", TRAIN, {"corpus": From("mix", "corpus"), "model": model}),
        *_reinforce(workflow, model, problems),
        workflow.node("evaluate-adapter", EVALUATE, {"problems": held_out, "model": model, "adapter": adapter, **form}),
        workflow.node("gate", GATE, {"problems": held_out, **rollouts}),
        workflow.node("package", PACKAGE, {"adapter": adapter, "model": model, "gate": From("gate", "decision")}),
        workflow.node("report", REPORT, {**_evidence(held_out, model, seen), "lora": adapter, **_trained(workflow), **tuning}),
    ]


def adapter_of(workflow: Workflow) -> From:
    """The adapter that the workflow ends with: it is scored, packaged, reported, carded, published and put into the notebooks."""
    return From(REINFORCE.name if workflow.asks_for(REINFORCE.name) else "train", "adapter")


def _trained(workflow: Workflow) -> dict[str, Source]:
    """What the reinforcement went on from, for whoever tells how the adapter came about; nothing where training made it."""
    return {"trained": From("train", "adapter")} if workflow.asks_for(REINFORCE.name) else {}


def _reinforce(workflow: Workflow, model: Source, problems: From | None) -> list[Node]:
    if not workflow.asks_for(REINFORCE.name):
        return []
    asked: dict[str, Source] = {"problems": problems} if problems else {}
    return [workflow.node(REINFORCE.name, REINFORCE, {"adapter": From("train", "adapter"), "model": model, **asked})]


def last(workflow: Workflow) -> tuple[list[Node], dict[str, str]]:
    """What a workflow may ask for beyond the report, each by a section of its own; and what is left out, with the reason."""
    nodes, left_out = [], {}
    for name, make in LAST.items():
        is_asked = workflow.asks_for(name) or (name == "cards" and workflow.asks_for("publish"))
        node = make(workflow) if is_asked else None
        if node is None:
            left_out[name] = f"asked for by a section [{name}]"
        elif not getattr(node.config, "confirm", True):
            left_out[name] = f"acts on the world, so only with {name}.confirm = true"
        else:
            nodes.append(node)
    _require_licences(workflow, nodes)
    return nodes, left_out


def notebook(workflow: Workflow) -> Node:
    """Notebooks that repeat training, and reinforcement where there is one, and evaluation on Kaggle."""
    told = {"adapter": adapter_of(workflow), "report": From("evaluate-adapter", "report"), **_trained(workflow)}
    return workflow.node("notebook", NOTEBOOK, told)


def _cards(workflow: Workflow) -> Node:
    told = {
        "adapter": adapter_of(workflow),
        **_trained(workflow),
        "report": From("evaluate-adapter", "report"),
        "base": From("evaluate-base", "report"),
        "gate": From("gate", "decision"),
        "corpus": From("mix", "corpus"),
        "submission": From("package", "submission"),
    }
    return workflow.node("cards", CARDS, told)


def _publish(workflow: Workflow) -> Node:
    sent = {
        "cards": From("cards", "cards"),
        "adapter": adapter_of(workflow),
        "corpus": From("mix", "corpus"),
        "gate": From("gate", "decision"),
    }
    return workflow.node("publish", PUBLISH, sent)


def _submit(workflow: Workflow) -> Node:
    return workflow.node("submit", SUBMIT, {"submission": From("package", "submission"), "report": From("evaluate-adapter", "report")})


LAST: Mapping[str, Callable[[Workflow], Node]] = {"notebook": notebook, "cards": _cards, "publish": _publish, "submit": _submit}


def _require_licences(workflow: Workflow, nodes: Sequence[Node]) -> None:
    """Whoever publishes without a licence hears it before anything runs, not from `publish` at the end."""
    configs = {node.name: node.config for node in nodes}
    publish, cards = configs.get("publish"), configs.get("cards")
    for repo, licence in (("model_repo", "licence"), ("dataset_repo", "corpus_licence")):
        if getattr(publish, repo, "") and not getattr(cards, licence, ""):
            raise ConfigError(
                f"{workflow.where}: cards.{licence}: missing; publish.{repo} publishes nothing without one, such as apache-2.0"
            )


def _evidence(held_out: From, model: Source, seen: Mapping[str, Source]) -> dict[str, Source]:
    """What the report reads; most of it for the manifests alone."""
    return {
        "problems": held_out,
        "base": From("evaluate-base", "report"),
        "base_rollouts": From("evaluate-base", "rollouts"),
        "adapter": From("evaluate-adapter", "report"),
        "adapter_rollouts": From("evaluate-adapter", "rollouts"),
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
