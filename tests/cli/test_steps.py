import pytest
from click.testing import CliRunner

from nemoflow.cli.steps import described, steps
from nemoflow.errors import ConfigError
from nemoflow.steps import STEPS


def said(*words: str) -> str:
    return CliRunner().invoke(steps, list(words), catch_exceptions=False, standalone_mode=False).output


def test_every_step_is_listed():
    assert {line.split()[0] for line in said().splitlines()} == {step.name for step in STEPS}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_all_that_a_step_takes_makes_and_may_be_told_is_said(step):
    lines = list(described(step))
    for name in (*step.inputs, *step.outputs):
        assert any(line.startswith(f"  {name} ") for line in lines)
    for name in step.config.model_fields:
        place = next(at for at, line in enumerate(lines) if line.startswith(f"  {name} = "))
        assert lines[place + 1].strip(), "what it is"


def test_a_default_is_shown_as_it_is_written():
    lines = said("train").splitlines()
    assert "  r = 32" in lines
    assert '  keep = "last"' in lines
    assert "  corpus             Corpus" in lines


def test_a_step_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"unknown 'trian'; one of .*train"):
        said("trian")
