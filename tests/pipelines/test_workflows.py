"""Every shipped workflow file builds its pipeline, and its comments name real fields."""

from pathlib import Path

import pytest

from nemoflow.cli.config_options import field_docstrings
from nemoflow.errors import ConfigError
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
    elsewhere = {"harvest-public", "select", "sketch", "cluster", "keep", "tune-prompt"}
    # the first is wired where the workflow names a public set, the second where somebody wants one answer a problem, the next three where
    # a pipeline compares problems in shards, the last is run by hand before a pipeline
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
