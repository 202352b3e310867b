"""The proof in vLLM: what its distances mean, and, where a vLLM is (NEMOFLOW_VLLM=FOLDER, its environment), the whole of it."""

import os
import warnings
from pathlib import Path

import pytest
from tests.submission import peft_kinds

from nemoflow.submission.prove import Distances, judge, prove
from nemoflow.submission.repair import repair


@pytest.mark.parametrize(
    ("change", "error", "noise", "rule"),
    [
        (0.3, 1e-6, 5e-7, "load-proved"),
        (0.3, 0.2, 5e-7, "load-other"),
        (0.3, float("inf"), 5e-7, "load-other"),
        (0.3, float("nan"), 5e-7, "load-other"),
        (0.0, 0.3, 0.0, "load-same"),
        (1e-6, 0.3, 5e-7, "load-same"),
        (float("nan"), 0.0, 0.0, "load-same"),
        (0.3, 0.02, 0.01, "load-proved"),
    ],
)
def test_distances_are_measured_by_that_of_the_two_engines_on_the_bare_base(change, error, noise, rule):
    finding = judge(Distances(change, error, noise), "float32", "here", "adapter")
    assert (finding.rule, finding.severity) == (rule, "note" if rule == "load-proved" else "refused")


@pytest.fixture(scope="module")
def python() -> str:
    folder = os.environ.get("NEMOFLOW_VLLM", "")
    program = Path(folder) / "bin" / "python"
    if not folder or not program.exists():
        pytest.skip("NO ADAPTER IS LOADED IN VLLM: NEMOFLOW_VLLM names no environment of it; tests/inference/test_vllm.py makes one")
    return str(program)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A Llama whose heads vLLM's CPU kernels take."""
    sizes = {"hidden_size": 64, "head_dim": 32, "num_attention_heads": 2, "num_key_value_heads": 2}
    folder = tmp_path_factory.mktemp("prove")
    peft_kinds.make_model("llama", **sizes).save_pretrained(folder / "base")

    def adapter(name: str, **config: object) -> Path:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return peft_kinds.save_adapter(
                peft_kinds.make_model("llama", **sizes), folder / name, target_modules=peft_kinds.LLAMA, **config
            )

    return folder / "base", adapter


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_vllm_says_what_peft_says_with_a_sound_adapter_and_with_a_repaired_one(world, python, tmp_path):
    base, adapter = world
    assert prove(adapter("plain", r=8), base, python, 32).rule == "load-proved"
    repair(adapter("pattern", r=8, rank_pattern={"q_proj": 4}, alpha_pattern={"v_proj": 32}), base, tmp_path / "out", 32)
    assert prove(tmp_path / "out", base, python, 32).rule == "load-proved"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_vllm_passes_over_in_silence_is_seen(world, python):
    base, adapter = world
    folder = adapter("unprefixed", r=8)
    peft_kinds.renamed("model.model.", "model.")(folder)
    assert prove(folder, base, python, 32).rule == "load-same"
