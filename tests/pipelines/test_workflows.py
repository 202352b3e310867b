"""Every shipped workflow file builds its pipeline, and its comments name real fields."""

import json
from pathlib import Path

import pytest

from nemoflow.artifacts import Adapter
from nemoflow.cli.config_options import field_docstrings
from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import From
from nemoflow.flow.workflow import build_pipeline, load_workflow
from nemoflow.pipelines import PIPELINES
from nemoflow.steps import STEPS

FOLDER = Path(__file__).parents[2] / "workflows"
SHIPPED = [*(path for path in sorted(FOLDER.glob("*.toml")) if path.stem != "cluster"), Path(__file__).with_name("reduced.toml")]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_workflow_builds(path):
    workflow = load_workflow(path)
    pipeline = build_pipeline(workflow, PIPELINES)
    assert pipeline.name == workflow.head.pipeline
    assert pipeline.cleanup is not None
    assert pipeline.cleanup.name == "release-teacher"


def test_every_pipeline_has_a_shipped_workflow():
    assert {load_workflow(path).head.pipeline for path in SHIPPED} == set(PIPELINES)


def test_every_step_is_used_by_a_shipped_pipeline_and_named_as_its_file():
    for step in STEPS:
        assert step.run.__module__ == f"nemoflow.steps.{step.name.replace('-', '_')}"
    used = {node.step.name for path in SHIPPED for node in build_pipeline(load_workflow(path), PIPELINES).by_name.values()}
    elsewhere = {"harvest-public", "select", "sketch", "cluster", "keep", "cards", "publish", "submit", "tune-prompt", "reinforce"}
    # the first is wired where the workflow names a public set, the second where somebody wants one answer a problem, the next three where
    # a pipeline compares problems in shards, three and the last where a workflow asks for them, one is run by hand before a pipeline
    assert {step.name for step in STEPS} - used <= elsewhere


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_config_field_says_what_it_is(step):
    assert field_docstrings(step.config).keys() >= step.config.model_fields.keys()


@pytest.mark.parametrize("share", [0, 0.0, 1])
def test_a_competition_with_one_side_empty_is_refused_before_anything_runs(share):
    workflow = load_workflow(next(path for path in SHIPPED if path.stem == "competition"), f'{{"load-problems.eval_share": {share}}}')
    with pytest.raises(ConfigError, match=r"load-problems\.eval_share: [01] leaves one side empty; .* such as 0\.1, is right"):
        build_pipeline(workflow, PIPELINES)


def test_a_public_set_may_be_only_to_learn_from_and_is_compared_with_the_own_problems():
    sets = '{"inputs.public": "gsm8k.jsonl", "load-public.format": "gsm8k", "load-public.eval_share": 0.0}'
    pipeline = build_pipeline(load_workflow(next(path for path in SHIPPED if path.stem == "competition"), sets), PIPELINES)
    assert pipeline.by_name["harvest-public"].edges["own"].node == "load-problems"
    order = list(pipeline.by_name)
    assert order.index("harvest-public") < order.index("wake-teacher")


COMPETITION = next(path for path in SHIPPED if path.stem == "competition")


def last_of(**sets: object) -> tuple[list[str], dict[str, str]]:
    pipeline = build_pipeline(
        load_workflow(COMPETITION, json.dumps({name.replace("__", "."): value for name, value in sets.items()})), PIPELINES
    )
    names = list(pipeline.by_name)
    return names[names.index("report") + 1 : -1], dict(pipeline.left_out)


def test_what_acts_on_the_world_is_off_until_it_is_asked_for_and_confirmed():
    nodes, left_out = last_of()
    assert (nodes, list(left_out)) == ([], ["notebook", "cards", "publish", "submit"])
    assert left_out["submit"] == "asked for by a section [submit]"
    nodes, left_out = last_of(submit__competition="contest", notebook__owner="team")
    assert (nodes, left_out["submit"]) == (["notebook"], "acts on the world, so only with submit.confirm = true")
    nodes, left_out = last_of(submit__competition="contest", submit__confirm=True)
    assert (nodes, "submit" in left_out) == (["submit"], False)


def test_publishing_brings_cards_and_wants_a_licence_before_anything_runs():
    asked = {"publish__model_repo": "team/adapter", "publish__confirm": True}
    with pytest.raises(ConfigError, match=r"cards\.licence: missing; publish\.model_repo publishes nothing without one"):
        last_of(**asked)
    assert last_of(**asked, cards__licence="other")[0] == ["cards", "publish"]
    with pytest.raises(ConfigError, match=r"cards\.corpus_licence: missing"):
        last_of(**asked, cards__licence="other", publish__dataset_repo="team/corpus")


def test_a_section_of_a_node_that_is_off_is_still_checked():
    with pytest.raises(ConfigError, match=r"submit\.competition: .* got 'not a name'"):
        last_of(submit__competition="not a name")
    with pytest.raises(ConfigError, match="pipeline 'competition' has no such node"):
        last_of(submitt__competition="contest")


def test_only_what_may_be_refused_is_wired_to_the_gate_or_to_what_the_gate_lets_through():
    asked = {
        "publish__model_repo": "a/b",
        "publish__confirm": True,
        "cards__licence": "x",
        "submit__competition": "c",
        "submit__confirm": True,
    }
    sets = json.dumps({name.replace("__", "."): value for name, value in asked.items()})
    nodes = build_pipeline(load_workflow(COMPETITION, sets), PIPELINES).by_name
    assert nodes["publish"].edges["gate"].node == "gate"
    assert nodes["submit"].edges["submission"].node == "package"
    assert "submission" in nodes["submit"].step.required_inputs


def test_a_section_of_its_own_puts_reinforcement_between_training_and_what_is_scored_and_packaged():
    path = next(path for path in SHIPPED if path.stem == "competition")
    without, reinforced = (build_pipeline(load_workflow(path, sets), PIPELINES) for sets in ("{}", '{"reinforce.steps": 5}'))
    assert "reinforce" not in without.by_name
    assert without.by_name["package"].edges["adapter"].node == "train"
    assert {name: edge.node for name, edge in reinforced.by_name["reinforce"].edges.items()} == {
        "adapter": "train",
        "problems": "load-problems",
    }


@pytest.mark.parametrize("name", ["competition", "demo"])
def test_a_prompt_that_the_contest_fixes_is_not_tuned(name):
    path = next(path for path in SHIPPED if path.stem == name)
    with pytest.raises(ConfigError, match=r"tune-prompt: the contest asks in its own form .* as inputs\.teacher_prompt"):
        build_pipeline(load_workflow(path, '{"tune-prompt.first": 4}'), PIPELINES)


def test_a_teacher_may_be_asked_in_a_form_of_its_own_and_the_student_is_not():
    for name, harvests in (("competition", ["harvest"]), ("nemotron_math", ["harvest", "harvest-python"])):
        path = next(path for path in SHIPPED if path.stem == name)
        nodes = build_pipeline(load_workflow(path, '{"inputs.teacher_prompt": "run://p/tune-prompt/prompt"}'), PIPELINES).by_name
        asked = {node.name: node.inputs["prompt"] for node in nodes.values() if "prompt" in node.inputs}
        assert asked == dict.fromkeys(harvests, "run://p/tune-prompt/prompt")


LAST_ASKED = {
    "notebook.owner": "team",
    "cards.licence": "x",
    "publish.model_repo": "a/b",
    "publish.confirm": True,
    "submit.competition": "c",
    "submit.confirm": True,
}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("more", [{}, {"reinforce.steps": 5}], ids=["trained", "reinforced"])
def test_whoever_takes_the_adapter_takes_the_same_one(path, more):
    """`trained` is what a reinforcement went on from; whatever else is of the kind Adapter is the one that the workflow ends with."""
    has_last = load_workflow(path).head.pipeline == "competition"
    pipeline = build_pipeline(load_workflow(path, json.dumps({**more, **(LAST_ASKED if has_last else {})})), PIPELINES)
    taken = {
        (node.name, name): edge
        for node in pipeline.by_name.values()
        for name, edge in node.edges.items()
        if node.step.input_kind(name) == Adapter and node.name != "reinforce"
    }
    ends = {edge for (_, name), edge in taken.items() if name != "trained"}
    assert ends == {From("reinforce" if more else "train", "adapter")}
    assert {edge for (_, name), edge in taken.items() if name == "trained"} == ({From("train", "adapter")} if more else set())
    takers = {node for node, name in taken if name != "trained"}
    assert takers >= {"evaluate-adapter", "package", "report"}
    if has_last:
        assert takers >= {"notebook", "cards", "publish"}
        assert {node for node, name in taken if name == "trained"} == ({"report", "notebook", "cards"} if more else set())
        assert pipeline.by_name["submit"].edges["submission"].node == "package"
