"""The form of a prompt in a pipeline: tuned for the evaluations of a benchmark, named for a teacher, refused where the contest fixes it."""

from collections.abc import Mapping
from dataclasses import replace

from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import From, Node, Source
from nemoflow.flow.workflow import Workflow
from nemoflow.steps import LOAD_PROBLEMS, TUNE_PROMPT
from nemoflow.steps.tune_prompt import TunePromptConfig

TUNE, LOAD = TUNE_PROMPT.name, "load-dev"
TEACHER = "teacher_prompt"


def ask(workflow: Workflow, problems: From, teacher: From) -> dict[str, Source]:
    """What a harvest takes; inputs.teacher_prompt names the form in which the teacher is asked, such as `tune-prompt` has found."""
    form: dict[str, Source] = {"prompt": workflow.uri(TEACHER, "a folder with prompt.json")} if workflow.has(TEACHER) else {}
    return {"problems": problems, "endpoint": teacher, **form}


def tune(workflow: Workflow, held_out: From, model: Source, solved: From) -> list[Node]:
    """Where a section [tune-prompt] asks for it: the form in which both evaluations ask, chosen on problems that are not scored.

    `solved` are verified traces of the train side, for examples to show. The base model chooses, so that no gain of the adapter is its
    prompt's.
    """
    if not workflow.asks_for(TUNE):
        return []
    file = workflow.uri("dev", "problems to tune the prompt on, none of them to be scored")
    wired: dict[str, Source] = {"dev": From(LOAD, "eval"), "test": held_out, "model": model}
    chosen = workflow.node(TUNE, TUNE_PROMPT, wired)
    assert isinstance(chosen.config, TunePromptConfig), "the config of TUNE_PROMPT"
    if any(chosen.config.shots):
        chosen = replace(chosen, inputs={**wired, "shots": solved})
    return [_whole(workflow.node(LOAD, LOAD_PROBLEMS, {"file": file})), chosen]


def _whole(load: Node) -> Node:
    """All of the file is for tuning, unless its section says another share."""
    if "eval_share" in load.config.model_fields_set:
        return load
    return replace(load, config=load.config.model_copy(update={"eval_share": 1.0}))


def chosen_form(workflow: Workflow) -> dict[str, Source]:
    """What an evaluation takes."""
    return {"prompt": From(TUNE, "prompt")} if workflow.asks_for(TUNE) else {}


def chosen_how(workflow: Workflow) -> dict[str, Source]:
    """What the report takes."""
    return {"tuning": From(TUNE, "report")} if workflow.asks_for(TUNE) else {}


def untuned(workflow: Workflow) -> Mapping[str, str]:
    """What the pipeline leaves out, and what would ask for it."""
    return {} if workflow.asks_for(TUNE) else {TUNE: f"asked for by a section [{TUNE}], with inputs.dev"}


def refuse_tuning(workflow: Workflow) -> None:
    """ConfigError where somebody would tune what the contest has fixed."""
    if workflow.asks_for(TUNE):
        raise ConfigError(
            f"{workflow.where}: {TUNE}: the contest asks in its own form (one user message with its suffix, no system message, no "
            f"examples), so there is nothing to tune; for a teacher run `nemoflow step {TUNE}` and name what comes out as inputs.{TEACHER}"
        )
