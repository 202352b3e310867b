"""Adapters of many kinds, saved by PEFT itself on tiny models: right ones pass, broken ones are named by their rule and no other."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from tests.submission.peft_kinds import KINDS, make_model, save_adapter

from nemoflow.submission.base import BaseModules
from nemoflow.submission.doctor import examine, read_tensors
from nemoflow.submission.factors import deltas, pairs_of
from nemoflow.submission.prove import weight_of
from nemoflow.submission.repair import repair
from nemoflow.submission.rules import RULES
from nemoflow.submission.tensor_rules import lay_out


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    made: dict[str, Path] = {}

    def base(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind)
            make_model(kind).save_pretrained(made[kind])
        return made[kind]

    return base


def saved(name: str, folder: Path) -> Path:
    """The adapter of a kind; PEFT warns of what the doctor is here to find."""
    kind = KINDS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_adapter(make_model(kind.base), folder, **kind.config)
    (folder / "README.md").unlink(missing_ok=True)
    kind.change(folder)
    return folder


@pytest.mark.parametrize("name", KINDS)
def test_an_adapter_of_this_kind_is_judged_right(bases, tmp_path, name):
    kind = KINDS[name]
    checkup = examine(saved(name, tmp_path / "adapter"), bases(kind.examined_on or kind.base), 32)
    assert {finding.rule for finding in checkup.of("refused")} == kind.refused, checkup.violations
    assert {finding.rule for finding in checkup.findings} - {"family-unknown"} == kind.refused | kind.others


SAME = [name for name, kind in KINDS.items() if kind.base == (kind.examined_on or kind.base)]
# What is stacked on gpt_oss is left as it is: vLLM takes it so.
REPAIRED = [name for name in SAME if KINDS[name].base != "gpt_oss" and all(RULES[rule].is_fixed for rule in KINDS[name].refused)]


@pytest.mark.parametrize("name", REPAIRED)
def test_a_repaired_adapter_of_this_kind_is_not_refused_and_says_what_peft_says_of_the_first(bases, tmp_path, name):
    base = bases(KINDS[name].base)
    adapter = saved(name, tmp_path / "adapter")
    repaired = repair(adapter, base, tmp_path / "out", 32)
    assert repaired.after.violations == ()
    if KINDS[name].change is not KINDS["llama"].change or name in BEYOND:
        return
    torch = pytest.importorskip("torch")
    expected, got = by_peft(base, adapter), by_hand(base, tmp_path / "out", repaired.after.scale)
    assert not torch.allclose(expected, by_hand(base, None, 0.0), atol=1e-3)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


BEYOND = {"tied-head", "embedding"}
"""Adding to the weights would change the embedding and the head at once."""


def by_peft(base: Path, adapter: Path) -> Any:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return spoken(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter))


def by_hand(base: Path, adapter: Path | None, scale: float) -> Any:
    """The base model with B A added to its weights, an expert's to its slice of the stacked ones."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    if adapter:
        modules = BaseModules.read(base)
        tensors, _ = read_tensors([adapter / "adapter_model.safetensors"])
        with torch.no_grad():
            for name, delta in deltas(pairs_of(lay_out(tensors, modules), tensors, modules), lambda *_: scale):
                weight_of(model, name).add_(torch.tensor(delta, dtype=torch.float32))
    return spoken(model)


def spoken(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model.eval()(torch.arange(3, 35).reshape(2, 16)).logits
