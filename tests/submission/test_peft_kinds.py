"""Adapters of many kinds, saved by PEFT itself on tiny models: right ones pass, broken ones are named by their rule and no other."""

import warnings
from pathlib import Path

import pytest
from tests.submission.peft_kinds import KINDS, make_model, save_adapter

from nemoflow.submission.doctor import examine


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    made: dict[str, Path] = {}

    def base(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind)
            make_model(kind).save_pretrained(made[kind])
        return made[kind]

    return base


@pytest.mark.parametrize("name", KINDS)
def test_an_adapter_of_this_kind_is_judged_right(bases, tmp_path, name):
    kind = KINDS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT warns of what the doctor is here to find
        folder = save_adapter(make_model(kind.base), tmp_path / "adapter", **kind.config)
    if (folder / "README.md").exists():
        (folder / "README.md").unlink()
    kind.change(folder)
    checkup = examine(folder, bases(kind.examined_on or kind.base), 32)
    assert {finding.rule for finding in checkup.of("refused")} == kind.refused, checkup.violations
    assert {finding.rule for finding in checkup.findings} - {"family-unknown"} == kind.refused | kind.others
