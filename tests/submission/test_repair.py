"""A repaired copy passes and computes the same: B A times the scale, by PEFT's own rule, is kept for every module."""

import json
import math
import shutil
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.handmade import write
from tests.submission.lora import MODULES, PREFIX, Lora, save_base, sound
from tests.submission.test_doctor import TENSORS

from nemoflow.errors import InputError, SubmissionError
from nemoflow.models.headers import read_header
from nemoflow.submission.doctor import examine
from nemoflow.submission.numbers import READERS, WRITERS
from nemoflow.submission.repair import repair
from nemoflow.submission.rules import RULES

PLAIN = [module for module in MODULES if ".experts." not in module]
EXPERTS = [module for module in MODULES if ".experts." in module]
ROUNDING = {"F32": 2**-22, "F64": 2**-22, "BF16": 2**-8, "F16": 2**-10}


@pytest.fixture
def base(tmp_path):
    return save_base(tmp_path / "base")


def products(folder: Path, scale_of) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By module B A times the scale, and the same of their sizes; read by nothing of the repair."""
    headers = read_header(folder / "adapter_model.safetensors")
    tensors = {name: READERS[head.dtype](b"".join(head.chunks())).reshape(head.shape).astype("f8") for name, head in headers.items()}
    found = {}
    for name, a in tensors.items():
        if name.endswith(".lora_A.weight"):
            module = name.removeprefix(PREFIX).removesuffix(".lora_A.weight")
            b, scale = tensors[name.replace("lora_A", "lora_B")], scale_of(module)
            found[module] = (scale * (b @ a), scale * (abs(b) @ abs(a)))
    return found


def own_scale(config: dict, module: str) -> float:
    last = module.rpartition(".")[2]
    rank, alpha = config["rank_pattern"].get(last, config["r"]), config["alpha_pattern"].get(last, config["lora_alpha"])
    return alpha / (math.sqrt(rank) if config["use_rslora"] else rank)


def common_scale(folder: Path):
    config = json.loads((folder / "adapter_config.json").read_text())
    assert not config.get("rank_pattern")
    assert not config.get("alpha_pattern")
    return lambda module: config["lora_alpha"] / (math.sqrt(config["r"]) if config["use_rslora"] else config["r"])


@given(data=st.data())
def test_the_product_is_the_same_before_and_after(data):
    dtype = data.draw(st.sampled_from(["F32", "BF16", "F16", "F64"]))
    modules = data.draw(st.lists(st.sampled_from(PLAIN), min_size=1, unique=True)) + (EXPERTS if data.draw(st.booleans()) else [])
    lasts = sorted({module.rpartition(".")[2] for module in modules})
    ranks = {last: data.draw(st.integers(1, 8)) for last in lasts if data.draw(st.booleans())}
    alphas = {last: data.draw(st.sampled_from([0.5, 3, 16, 100])) for last in lasts if data.draw(st.booleans())}
    config = {
        "r": data.draw(st.integers(1, 8)),
        "lora_alpha": data.draw(st.sampled_from([1, 4, 8, 32, 7.5])),
        "use_rslora": data.draw(st.booleans()),
        "rank_pattern": ranks,
        "alpha_pattern": alphas,
        "target_modules": r".*proj",
    }
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    put = {"F64": lambda numbers: numbers.astype("<f8").tobytes(), **WRITERS}[dtype]
    with tempfile.TemporaryDirectory() as room:
        adapter = Path(room) / "adapter"
        adapter.mkdir()
        tensors = {}
        for module in modules:
            rank = ranks.get(module.rpartition(".")[2], config["r"])
            outputs, inputs = MODULES[module]
            for side, shape in (("A", (rank, inputs)), ("B", (outputs, rank))):
                tensors[f"{PREFIX}model.{module}.lora_{side}.weight"] = (dtype, shape, put(random.standard_normal(shape)))
        write(adapter / "adapter_model.safetensors", tensors)
        (adapter / "adapter_config.json").write_text(json.dumps(config))
        repaired = repair(adapter, save_base(Path(room) / "base"), Path(room) / "out", 32)
        assert repaired.after.violations == ()
        before = products(adapter, lambda module: own_scale(config, module))
        after = products(Path(room) / "out", common_scale(Path(room) / "out"))
        assert before.keys() == after.keys()
        for module, (product, sizes) in before.items():
            # Each number of B is rounded once more.
            assert (abs(product - after[module][0]) <= ROUNDING[dtype] * sizes).all()


def test_a_sound_adapter_is_copied_number_by_number(base, tmp_path):
    lora = sound(tmp_path / "adapter")
    repaired = repair(lora.save(), base, tmp_path / "out", 32)
    assert (repaired.done, repaired.after.findings) == ((), ())
    assert {name: b"".join(tensor.chunks()) for name, tensor in read_header(tmp_path / "out/adapter_model.safetensors").items()} == {
        name: content for name, (_, _, content) in lora.tensors.items()
    }
    assert json.loads((tmp_path / "out/adapter_config.json").read_text())["lora_alpha"] == 8


# One stacked factor alone tells nothing of the other.
FIXED = [(rule, breaks) for rule, _, breaks in TENSORS if RULES[rule].is_fixed and rule != "fused-experts"]
LEFT = {rule for rule, _, _ in TENSORS if not RULES[rule].is_fixed} - {"extra-tensor"}


@pytest.mark.parametrize(("rule", "breaks"), FIXED, ids=[f"{rule}-{number}" for number, (rule, _) in enumerate(FIXED)])
def test_what_is_said_to_be_repaired_is(base, tmp_path, rule, breaks):
    lora = sound(tmp_path / "adapter")
    breaks(lora)
    repaired = repair(lora.save(), base, tmp_path / "out", 32)
    assert rule in {finding.rule for finding in repaired.before.findings}
    assert repaired.after.violations == ()
    assert rule not in {finding.rule for finding in repaired.after.findings}
    assert any(line.startswith(f"{rule}: ") for line in repaired.done)


@pytest.mark.parametrize(("rule", "breaks"), [(rule, breaks) for rule, _, breaks in TENSORS if rule in LEFT])
def test_what_cannot_be_repaired_is_still_said_of_the_copy(base, tmp_path, rule, breaks):
    lora = sound(tmp_path / "adapter")
    breaks(lora)
    repaired = repair(lora.save(), base, tmp_path / "out", 32)
    assert rule in {finding.rule for finding in repaired.after.findings}


@pytest.mark.parametrize("name", ["use_dora", "lora_bias", "modules_to_save"])
def test_a_config_that_means_more_than_b_a_is_left_as_it_is(base, tmp_path, name):
    lora = sound(tmp_path / "adapter")
    lora.config[name] = ["lm_head"] if name == "modules_to_save" else True
    lora.tensors["extra"] = ("F32", (1,), struct.pack("<f", 1.0))
    repaired = repair(lora.save(), base, tmp_path / "out", 32)
    assert json.loads((tmp_path / "out/adapter_config.json").read_text())[name]
    assert len(repaired.after.violations) == (2 if name == "modules_to_save" else 1)


def test_targets_are_listed_by_the_shortest_end_of_their_names_that_means_no_other(base, tmp_path):
    lora = Lora(tmp_path / "adapter").adapt("layers.0.mixer.in_proj", "layers.1.mixer.shared_experts.up_proj")
    lora.config["target_modules"] = ".*"
    repair(lora.save(), base, tmp_path / "out", 32)
    config = json.loads((tmp_path / "out/adapter_config.json").read_text())
    assert config["target_modules"] == ["in_proj", "shared_experts.up_proj"]


def test_experts_that_are_missing_become_zeros(base, tmp_path):
    lora = sound(tmp_path / "adapter").adapt(EXPERTS[0])
    repaired = repair(lora.save(), base, tmp_path / "out", 32)
    assert repaired.after.violations == ()
    assert set(repaired.after.dead) == {f"model.{module}" for module in EXPERTS[1:]}


def stacked(count: int, rank: int, random) -> tuple[dict, dict[str, np.ndarray]]:
    """As PEFT stacks them: A expert by expert, B rank by rank; and each expert's product."""
    tensors, wanted = {}, {}
    for part, key in (("up_proj", "base_layer."), ("down_proj", "")):
        outputs, inputs = MODULES[f"layers.1.mixer.experts.0.{part}"]
        a, b = random.standard_normal((count, rank, inputs)), random.standard_normal((outputs, rank, count))
        for expert in range(count):
            wanted[f"model.layers.1.mixer.experts.{expert}.{part}"] = b[:, :, expert] @ a[expert]
        path = f"{PREFIX}model.layers.1.mixer.experts.{key}lora_"
        for side, matrix in (("A", a.reshape(count * rank, inputs)), ("B", b.reshape(outputs, rank * count))):
            tensors[f"{path}{side}.weight"] = ("F32", matrix.shape, matrix.astype("<f4").tobytes())
    return tensors, wanted


def test_stacked_experts_are_taken_apart_as_peft_put_them_together(base, tmp_path):
    lora = sound(tmp_path / "adapter")
    tensors, wanted = stacked(2, 3, np.random.default_rng(0))
    lora.tensors |= tensors
    lora.config |= {"target_parameters": ["experts.up_proj", "experts.down_proj"]}
    repaired = repair(lora.save(), base, tmp_path / "out", 32)
    assert repaired.after.findings == ()
    scale = common_scale(tmp_path / "out")
    after = products(tmp_path / "out", scale)
    for module, product in wanted.items():
        np.testing.assert_allclose(after[module][0], 2.0 * product, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("key", ["{part}_lora_{side}", "{part}.lora_{side}.weight"])
def test_experts_stacked_in_three_dimensions_are_taken_apart(base, tmp_path, key):
    lora, random = sound(tmp_path / "adapter"), np.random.default_rng(0)
    wanted = {}
    for part in ("up_proj", "down_proj"):
        outputs, inputs = MODULES[f"layers.1.mixer.experts.0.{part}"]
        sides = {"A": random.standard_normal((2, 4, inputs)), "B": random.standard_normal((2, outputs, 4))}
        for side, numbers in sides.items():
            name = f"{PREFIX}model.layers.1.mixer.experts.{key.format(part=part, side=side)}"
            lora.tensors[name] = ("F32", numbers.shape, numbers.astype("<f4").tobytes())
        wanted |= {f"model.layers.1.mixer.experts.{expert}.{part}": sides["B"][expert] @ sides["A"][expert] for expert in range(2)}
    repaired = repair(lora.save(), base, tmp_path / "out", 32)
    assert [finding.rule for finding in repaired.before.of("refused")] == ["fused-experts"]
    assert repaired.after.findings == ()
    after = products(tmp_path / "out", common_scale(tmp_path / "out"))
    for module, product in wanted.items():
        np.testing.assert_allclose(after[module][0], 2.0 * product, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["layers.0.lora_odd", f"{PREFIX}model.embeddings.weight", f"{PREFIX}model.norm_f.weight"])
def test_a_tensor_that_may_be_part_of_it_is_kept_and_said(base, tmp_path, name):
    lora = sound(tmp_path / "adapter")
    lora.tensors[name] = ("F32", (1,), struct.pack("<f", 1.0))
    repaired = repair(lora.save(), base, tmp_path / "out", 32)
    assert [finding.rule for finding in repaired.after.of("refused")] == ["extra-tensor"]


def test_a_folder_that_is_there_is_not_overwritten_and_nothing_half_is_left(base, tmp_path):
    lora = sound(tmp_path / "adapter")
    lora.save()
    with pytest.raises(InputError, match="is there already"):
        repair(lora.folder, base, base, 32)
    (lora.folder / "adapter_config.json").write_text("{")
    with pytest.raises(SubmissionError, match="nothing here can be repaired"):
        repair(lora.folder, base, tmp_path / "out", 32)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "base"]


def test_a_copy_that_was_cut_short_is_begun_again(base, tmp_path):
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "junk").write_text("")
    repair(sound(tmp_path / "adapter").save(), base, tmp_path / "out", 32)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]


def test_a_zip_is_repaired_into_a_folder(base, tmp_path):
    folder = sound(tmp_path / "nest" / "adapter")
    (tmp_path / "nest").mkdir()
    folder.save()
    archive = shutil.make_archive(str(tmp_path / "s"), "zip", tmp_path / "nest")
    repaired = repair(Path(archive), base, tmp_path / "out", 32)
    assert [line.split(":")[0] for line in repaired.done] == ["nested"]
    assert examine(tmp_path / "out", base, 32).findings == ()
