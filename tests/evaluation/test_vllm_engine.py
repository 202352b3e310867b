"""vLLM as an engine: everything around it with a model of a few lines behind the seam, and the real one, on a CPU, where it is installed.

NEMOFLOW_VLLM=FOLDER says where its environment lies, as for the tests of the client.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.evaluation.tiny import numerals, save_tiny_adapter, save_tiny_base
from tests.inference.test_vllm import python, save_model  # noqa: F401
from tests.steps.alone import Alone, write_lines

from nemoflow.errors import ConfigError, InputError, Stopped
from nemoflow.evaluation.asks import Drawing, plan
from nemoflow.evaluation.kept import KeptBatches
from nemoflow.evaluation.rollouts import Limits, load_student, trace_all
from nemoflow.evaluation.vllm_engine import Offline, Options
from nemoflow.steps.evaluate import EVALUATE

PROBLEMS = numerals(5)
ROOT = Path(__file__).parents[2]


class Counting:
    """Says `A`, `B`, `C` and so on, one more each time, then ends its turn."""

    facts = {"vllm": "none"}  # noqa: RUF012

    def __init__(self, tokenizer):
        self.tokenizer, self.asked = tokenizer, []

    def generate(self, prompts, settings):
        self.asked += zip(prompts, settings, strict=True)
        stop = self.tokenizer.convert_tokens_to_ids("<|im_end|>")
        letters = self.tokenizer.encode("ABCDEFGH", add_special_tokens=False)
        return [[*letters[: index + 1], stop][: fields["max_tokens"]] for index, fields in enumerate(settings)]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_tiny_base(tmp_path_factory.mktemp("base"))


def engine(base, **fields):
    from transformers import AutoTokenizer

    return Offline(Counting(AutoTokenizer.from_pretrained(base)), base, "m", 4, Drawing(), **fields)


def test_it_is_handed_the_tokens_that_transformers_is_and_gives_the_same_rows(base):
    offline = engine(base)
    asks = plan(PROBLEMS, ("", "low"))
    found = offline.answer(asks)
    here = trace_all(load_student("m", base, threads=1), PROBLEMS, Limits(4, 10, modes=("", "low")))
    told = {"response", "answer", "finish", "usage"}
    assert [trace.model_dump(exclude=told) for trace in found] == [trace.model_dump(exclude=told) for trace in here]
    assert [trace.usage.prompt_tokens for trace in found] == [trace.usage.prompt_tokens for trace in here]
    assert [len(prompt) for prompt, _ in offline.started.asked] == [trace.usage.prompt_tokens for trace in here]
    assert [(trace.response, trace.finish) for trace in found[:4]] == [("A", "stop"), ("AB", "stop"), ("ABC", "stop"), ("ABCD", "length")]


def test_finished_portions_are_found_again_and_a_stop_comes_between_two(base, tmp_path):
    asks = plan(PROBLEMS)
    stops = iter([False, False, True])
    first = engine(base, kept=KeptBatches(tmp_path), portion=2, stopping=lambda: next(stops))
    with pytest.raises(Stopped, match="finished ones are kept"):
        first.answer(asks)
    second = engine(base, kept=KeptBatches(tmp_path), portion=2)
    found = second.answer(asks)
    assert (len(first.started.asked), len(second.started.asked)) == (4, 1)
    assert found == engine(base, portion=2).answer(asks)
    assert second.seconds > 0


def test_a_prompt_and_its_response_stay_within_the_window_and_one_that_fills_it_is_cut_off(base):
    lengths = [trace.usage.prompt_tokens for trace in engine(base).answer(plan(PROBLEMS))]
    offline = engine(base, max_model_len=max(lengths))
    found = offline.answer(plan(PROBLEMS))
    assert len(offline.started.asked) == sum(length < max(lengths) for length in lengths)
    assert all(len(prompt) + fields["max_tokens"] <= max(lengths) for prompt, fields in offline.started.asked)
    filled = [trace for trace, length in zip(found, lengths, strict=True) if length == max(lengths)]
    assert {(trace.response, trace.finish) for trace in filled} == {("", "length")}


def test_each_sample_has_a_seed_of_its_own_and_greedy_has_none(base):
    offline = engine(base)
    offline.answer(plan(PROBLEMS))
    assert {fields["seed"] for _, fields in offline.started.asked} == {None}
    offline.drawing = Drawing(0.7, 0.9, 1)
    offline.started.asked.clear()
    offline.answer(plan(PROBLEMS, samples=3))
    assert len({fields["seed"] for _, fields in offline.started.asked}) == 15
    assert {(fields["temperature"], fields["top_p"]) for _, fields in offline.started.asked} == {(0.7, 0.9)}


def test_the_options_are_the_contests_and_ones_own_win(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"r": 24}')
    found = Options("bfloat16", "fp8", more={"gpu_memory_utilization": 0.5}).of_llm(Path("base"), tmp_path)
    assert found == {
        "model": "base", "dtype": "bfloat16", "seed": 0, "max_model_len": 8192, "max_num_seqs": 64, "gpu_memory_utilization": 0.5,
        "quantization": "fp8", "enable_lora": True, "max_lora_rank": 32, "max_loras": 1,
    }  # fmt: skip
    assert "enable_lora" not in Options().of_llm(Path("base"), None)
    (tmp_path / "adapter_config.json").write_text('{"r": 4096}')
    with pytest.raises(InputError, match="r: got 4096; vLLM takes ranks from 1 to 512"):
        Options().of_llm(Path("base"), tmp_path)


def test_where_vllm_is_not_installed_it_is_said_where_it_is(base, tmp_path):
    step = Alone(EVALUATE, {"problems": write_lines(tmp_path / "eval.jsonl", PROBLEMS), "model": base}, tmp_path / "root")
    with pytest.raises(ConfigError, match="vLLM is not installed here; run this in the image `teacher`"):
        step.run(engine="vllm")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("adapted", [False, True], ids=["base", "adapter"])
def test_the_real_one_says_what_transformers_says(python, adapted, tmp_path):  # noqa: F811
    """The environment also needs this package: `uv pip install --python FOLDER/bin/python -e .`"""

    base = save_model(tmp_path / "base")
    inputs = {"problems": write_lines(tmp_path / "eval.jsonl", PROBLEMS), "model": base}
    if adapted:
        inputs["adapter"] = save_tiny_adapter(base, tmp_path / "adapter")
    here = Alone(EVALUATE, inputs, tmp_path / "here")
    expected = here.rows(here.run(max_new_tokens=24, threads=1), "rollouts")
    config = {
        "engine": "vllm",
        "batch_size": 4,
        "max_new_tokens": 24,
        "max_model_len": 512,
        "dtype": "float32",
        "vllm": {"enforce_eager": True},
    }
    command = [python, "-m", "nemoflow.cli.main", "step", "evaluate", "--root", str(tmp_path / "there"), "--set", json.dumps(config)]
    command += [word for name, path in inputs.items() for word in ("--input", f"{name}={path}")]
    quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **quiet, "PYTHONPATH": str(ROOT / "src")})
    assert done.returncode == 0, done.stderr[-3000:]
    folder = tmp_path / "there/runs/steps/evaluate"
    rows = [json.loads(line) for line in (folder / "rollouts/part.jsonl").read_text().splitlines()]
    assert [row["response"] for row in rows] == [trace.response for trace in expected]
    assert [row["usage"] for row in rows] == [trace.usage.model_dump() for trace in expected]
    assert [row["id"] for row in rows] == [trace.id for trace in expected]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["engines"]["dtype"] == "float32"
    assert "vllm" in manifest["engines"]
