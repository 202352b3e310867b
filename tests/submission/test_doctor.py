"""Each rule of the contest's runtime has an adapter that breaks it, and only it."""

import json
import struct

import pytest
from tests.models.handmade import numbers
from tests.submission.lora import MODULES, PREFIX, Lora, save_base, sound

from nemoflow.errors import InputError, SubmissionError
from nemoflow.submission.doctor import Checkup, examine

IN_PROJ = f"{PREFIX}model.layers.0.mixer.in_proj"
EXPERTS = tuple(module for module in MODULES if ".experts." in module)


@pytest.fixture
def base(tmp_path):
    return save_base(tmp_path / "base")


@pytest.fixture
def lora(tmp_path) -> Lora:
    return sound(tmp_path / "adapter")


def check(lora: Lora, base) -> Checkup:
    return examine(lora.save(), base, max_rank=32)


def only_violation(lora: Lora, base) -> str:
    checkup = check(lora, base)
    assert len(checkup.violations) == 1, checkup.violations
    with pytest.raises(SubmissionError):
        checkup.require_sound(lora.folder)
    return checkup.violations[0]


def test_a_sound_adapter_passes_and_is_counted(lora, base):
    checkup = check(lora, base)
    assert (checkup.violations, checkup.warnings, checkup.dead) == ((), (), ())
    assert (checkup.rank, checkup.scale, checkup.modules, checkup.tensors, checkup.dtypes) == (4, 2.0, 3, 6, ("F32",))
    assert checkup.parameters == 4 * (20 + 8 + 16 + 8 + 4 + 8)
    checkup.require_sound(lora.folder)


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
@pytest.mark.parametrize("prefix", ["model.", "backbone."])
def test_both_prefixes_and_all_three_dtypes_load(tmp_path, base, prefix, dtype):
    lora = Lora(tmp_path / "adapter").adapt("layers.0.mixer.in_proj", prefix=prefix, dtype=dtype)
    lora.config["target_modules"] = ["in_proj"]
    assert check(lora, base).violations == ()


@pytest.mark.parametrize("module", ["layers.0.mixer.out_proj", "layers.1.mixer.shared_experts.up_proj"])
def test_modules_that_peft_refuses_but_vllm_loads_pass(lora, base, module):
    assert check(lora.adapt(module), base).violations == ()


def test_lm_head_takes_an_adapter(lora, base):
    assert check(lora.add("lm_head", (30, 8)), base).violations == ()


def test_experts_pass_where_all_of_a_layer_have_both_matrices(lora, base):
    assert check(lora.adapt(*EXPERTS), base).violations == ()


def test_rank_stabilised_lora_passes_with_its_own_scale(lora, base):
    lora.config["use_rslora"] = True
    assert (check(lora, base).violations, check(lora, base).scale) == ((), 4.0)


@pytest.mark.parametrize("name", ["r", "lora_alpha", "target_modules"])
def test_a_required_field_that_is_missing_is_named(lora, base, name):
    del lora.config[name]
    assert only_violation(lora, base).startswith(f"adapter_config.json: {name}: missing")


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("r", "4", "a whole number from 1 to 32"),
        ("r", True, "a whole number from 1 to 32"),
        ("r", None, "a whole number from 1 to 32"),
        ("lora_alpha", 0, "a number above 0"),
        ("lora_alpha", -8, "a number above 0"),
        ("lora_alpha", "8", "a number above 0"),
        ("lora_alpha", float("inf"), "a number above 0"),
        pytest.param("lora_alpha", 10**400, "a number above 0 was expected, got 1000", id="lora_alpha-too-large-for-a-float"),
        ("target_modules", [], "a list of module names"),
        ("target_modules", "", "a list of module names"),
        ("target_modules", [1], "a list of module names"),
        ("target_modules", None, "a list of module names"),
        ("modules_to_save", ["lm_head"], "no fully trained modules"),
        ("use_dora", True, "refuses DoRA"),
        ("bias", "all", "'none' was expected, got 'all'"),
        ("bias", "lora_only", "'none' was expected, got 'lora_only'"),
        ("peft_type", "LOHA", "loads 'LORA' only, got 'LOHA'"),
        ("use_rslora", "yes", "true or false"),
        ("rank_pattern", {"q_proj": 2}, "one rank everywhere"),
        ("alpha_pattern", {"q_proj": 2}, "fold the scale"),
        ("target_parameters", ["experts.up_proj"], "stacked 3-D experts"),
        ("lora_bias", True, "drops the biases"),
        ("fan_in_fan_out", True, "Conv1D"),
        ("layer_replication", [[0, 2]], "own layers"),
        ("trainable_token_indices", [1], "trained tokens"),
        ("use_qalora", True, "pooled lora_A"),
        ("use_bdlora", {"n": 2}, "block-diagonal"),
    ],
)
def test_a_config_that_vllm_refuses_or_misreads_is_named_with_its_value(lora, base, name, value, match):
    lora.config[name] = value
    violation = only_violation(lora, base)
    assert violation.startswith(f"adapter_config.json: {name}: ")
    assert match in violation
    assert repr(value) in violation or str(value) in violation


@pytest.mark.parametrize(("rank", "match"), [(33, "max_lora_rank 32 and refuses more, got 33"), (0, "at least 1"), (-4, "at least 1")])
def test_a_rank_out_of_bounds_is_refused(tmp_path, base, rank, match):
    lora = Lora(tmp_path / "adapter").adapt("layers.0.mixer.in_proj", rank=max(rank, 1))
    lora.config |= {"r": rank, "target_modules": ["in_proj"]}
    assert any(match in violation for violation in check(lora, base).violations)


@pytest.mark.parametrize(
    ("key", "match"),
    [
        ("model.layers.0.mixer.in_proj.lora_A.weight", "a key begins with 'base_model.model.'"),
        (f"{IN_PROJ}.weight", "an extra tensor"),
        (f"{IN_PROJ}.bias", "a bias"),
        (f"{PREFIX}model.embeddings.weight", "an extra tensor"),
        (f"{IN_PROJ}.lora_A.default.weight", "the adapter's own name is left in the key"),
        (f"{IN_PROJ}.lora_magnitude_vector", "DoRA magnitude"),
        (f"{PREFIX}model.embeddings.lora_embedding_A", "LoRA on embeddings"),
        (f"{PREFIX}model.layers.1.mixer.experts.lora_A.weight", "fused expert keys"),
        (f"{PREFIX}model.layers.1.mixer.experts.base_layer.lora_A.weight", "fused expert keys"),
        (f"{PREFIX}model.layers.1.mixer.experts.up_proj.lora_B.weight", "fused expert keys"),
        (f"{PREFIX}model.layers.1.mixer.experts.w1.lora_A.weight", "fused expert keys"),
    ],
)
def test_a_key_that_the_reader_does_not_know_is_named(lora, base, key, match):
    lora.tensors[key] = numbers("F32", (4, 8))
    violation = only_violation(lora, base)
    assert violation.startswith(f"{key}: ")
    assert match in violation


@pytest.mark.parametrize(("gone", "kept"), [("lora_A", "lora_B"), ("lora_B", "lora_A")])
def test_half_a_pair_is_refused(lora, base, gone, kept):
    del lora.tensors[f"{IN_PROJ}.{gone}.weight"]
    assert only_violation(lora, base) == f"{IN_PROJ}.{kept}.weight: has no {gone} beside it"


def test_the_same_module_under_both_prefixes_is_refused(lora, base):
    violations = check(lora.adapt("layers.0.mixer.in_proj", prefix="backbone."), base).violations
    assert len(violations) == 2
    assert all("the same module as" in violation for violation in violations)


@pytest.mark.parametrize("module", ["layers.9.mixer.in_proj", "layers.0.mixer.gate_proj", "layers.1.mixer.gate", "layers.0.mixer.conv1d"])
def test_a_module_that_the_base_lacks_or_vllm_does_not_adapt_is_refused(lora, base, module):
    violation = only_violation(lora.add(f"model.{module}", (2, 8)), base)
    assert violation.startswith(f"{PREFIX}model.{module}.lora_A.weight: the base model has no module")


def test_an_adapter_of_another_model_is_called_one(tmp_path, base):
    lora = Lora(tmp_path / "adapter")
    for layer in range(3):
        lora.add(f"model.layers.{layer}.self_attn.q_proj", (16, 8))
    lora.config["target_modules"] = ["q_proj"]
    assert "an adapter of another model: none of its 3 modules" in only_violation(lora, base)


def test_a_shape_that_the_base_does_not_have_names_the_shape_it_needs(tmp_path, base):
    lora = Lora(tmp_path / "adapter").add("model.layers.0.mixer.in_proj", (20, 9))
    lora.config["target_modules"] = ["in_proj"]
    assert f"{IN_PROJ}.lora_A.weight: shape is [4, 9], the base model's model.layers.0.mixer.in_proj needs [4, 8]" in only_violation(
        lora, base
    )


def test_a_module_with_a_rank_of_its_own_is_refused(lora, base):
    violations = check(lora.adapt("layers.0.mixer.in_proj", rank=2), base).violations
    assert [violation.split(":")[0] for violation in violations] == [f"{IN_PROJ}.lora_A.weight", f"{IN_PROJ}.lora_B.weight"]
    assert all("has rank 2, adapter_config.json says r = 4" in violation for violation in violations)


def test_a_3d_expert_is_refused(lora, base):
    lora.tensors[f"{IN_PROJ}.lora_A.weight"] = numbers("F32", (2, 4, 8))
    assert "has 3 dimensions, [2, 4, 8]; a matrix [4, 8] was expected" in only_violation(lora, base)


@pytest.mark.parametrize("part", ["up_proj", "down_proj"])
def test_experts_that_are_not_all_adapted_are_refused(lora, base, part):
    lora.adapt(*EXPERTS[:-2], f"layers.1.mixer.experts.1.{part}")
    violation = only_violation(lora, base)
    assert "vLLM needs all 4 matrices of model.layers.1.mixer.experts or none, 1 are missing" in violation


@pytest.mark.parametrize("dtype", ["F64", "I64"])
def test_another_dtype_is_refused(lora, base, dtype):
    lora.tensors[f"{IN_PROJ}.lora_A.weight"] = numbers(dtype, (4, 8), 1)
    assert only_violation(lora, base) == f"{IN_PROJ}.lora_A.weight: dtype is {dtype}; BF16, F16, F32 load"


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_number_that_is_none_is_found_in_every_dtype(lora, base, dtype, value):
    name = f"{IN_PROJ}.lora_B.weight"
    _, shape, content = numbers(dtype, (20, 4), 0.25)
    item = numbers(dtype, (1,), value)[2]
    lora.tensors[name] = (dtype, shape, content[: -2 * len(item)] + item + content[: len(item)])
    assert only_violation(lora, base).startswith(f"{name}: holds NaN or infinity")


def test_the_largest_and_smallest_finite_numbers_are_sound_and_not_zero(lora, base):
    for bits in (0x7F7FFFFF, 0xFF7FFFFF, 0x00000001):
        content = bytes(4 * 79) + struct.pack("<I", bits)
        lora.tensors[f"{IN_PROJ}.lora_B.weight"] = ("F32", (20, 4), content)
        checkup = check(lora, base)
        assert (checkup.violations, checkup.dead) == ((), ())


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize("side", ["A", "B"])
def test_a_module_that_training_never_reached_is_counted_and_warned_of(lora, base, dtype, zero, side):
    name = f"{IN_PROJ}.lora_{side}.weight"
    lora.tensors[name] = numbers(dtype, lora.tensors[name][1], zero)
    checkup = check(lora, base)
    assert checkup.violations == ()
    assert checkup.dead == ("model.layers.0.mixer.in_proj",)
    assert "1 of 3 modules are dead" in checkup.warnings[0]


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("target_modules", r".*(in|q|v)_proj$", "is a pattern"),
        ("target_modules", ["in_proj", "q_proj", "v_proj", "gate_proj"], "'gate_proj', but the adapter holds no such tensor"),
        ("base_model_name_or_path", "/home/me/model", "a path of one machine"),
        ("init_lora_weights", "pissa_niter_16", "changes the base model's weights"),
    ],
)
def test_what_loads_but_is_worth_a_look_is_a_warning(lora, base, name, value, match):
    lora.config[name] = value
    checkup = check(lora, base)
    assert checkup.violations == ()
    assert len(checkup.warnings) == 1
    assert match in checkup.warnings[0]


def test_fields_that_neither_vllm_nor_the_rules_know_are_passed_over(lora, base):
    lora.config |= {"eva_config": None, "lora_dropout": 0.05, "task_type": "CAUSAL_LM", "something_new": 1}
    assert check(lora, base).violations == ()


def test_many_violations_are_shown_in_part_and_counted(lora, base):
    for layer in range(10, 20):
        lora.add(f"model.layers.{layer}.mixer.in_proj", (20, 8))
    with pytest.raises(SubmissionError, match=r"and 5 more$"):
        check(lora, base).require_sound(lora.folder)


def test_missing_and_broken_files_are_named(lora, base):
    folder = lora.save()
    (folder / "adapter_model.safetensors").write_bytes(b"\xff" * 9)
    with pytest.raises(SubmissionError, match=r"adapter_model\.safetensors: not a whole safetensors file"):
        examine(folder, base, 32)
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(SubmissionError, match=r"no such file; the folder holds adapter_config\.json, adapter_model\.bin"):
        examine(folder, base, 32)
    for content, match in (("{", "not valid JSON"), ("[]", "a JSON list, an object was expected")):
        (folder / "adapter_config.json").write_text(content)
        with pytest.raises(SubmissionError, match=match):
            examine(folder, base, 32)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(SubmissionError, match=r"adapter_config\.json: no such file"):
        examine(folder, base, 32)


def test_an_adapter_without_tensors_is_refused(lora, base):
    lora.tensors.clear()
    with pytest.raises(SubmissionError, match="holds no tensors"):
        check(lora, base)


def test_a_base_of_an_unknown_family_names_the_known_ones(lora, tmp_path):
    with pytest.raises(InputError, match="model_type 'mamba9' is not known here"):
        check(lora, save_base(tmp_path / "other", "mamba9"))


def test_the_30_b_models_key_counts_and_parameters_are_the_published_ones(tmp_path):
    """232 tensors without routed experts, 27,711,488 parameters at rank 32: counted by others on the real model."""
    pattern = "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME"
    hidden, rank = 2688, 32
    shapes = {
        "M": {"in_proj": (10304, hidden), "out_proj": (hidden, 4096)},
        "*": {"q_proj": (4096, hidden), "k_proj": (256, hidden), "v_proj": (256, hidden), "o_proj": (hidden, 4096)},
        "E": {"shared_experts.up_proj": (3712, hidden), "shared_experts.down_proj": (hidden, 3712)},
    }
    header, base = {}, {}
    for layer, kind in enumerate(pattern):
        for name, (outputs, inputs) in shapes[kind].items():
            module = f"layers.{layer}.mixer.{name}"
            base[f"backbone.{module}.weight"] = (outputs, inputs)
            header[f"{PREFIX}model.{module}.lora_A.weight"] = (rank, inputs)
            header[f"{PREFIX}model.{module}.lora_B.weight"] = (outputs, rank)
    for folder, name, tensors in (("adapter", "adapter_model", header), ("base", "model", base)):
        (tmp_path / folder).mkdir()
        save_sparse(tmp_path / folder / f"{name}.safetensors", tensors)
    (tmp_path / "base" / "config.json").write_text(json.dumps({"model_type": "nemotron_h"}))
    targets = ["in_proj", "out_proj", "q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"]
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps({"r": rank, "lora_alpha": 64, "target_modules": targets}))
    checkup = examine(tmp_path / "adapter", tmp_path / "base", 32)
    assert (checkup.violations, checkup.tensors, checkup.parameters) == ((), 232, 27_711_488)
    assert len(checkup.dead) == checkup.modules == 116


def save_sparse(path, shapes: dict[str, tuple[int, int]]) -> None:
    """A bf16 file of zeros that takes no room on the disk, however large the model."""
    entries, position = {}, 0
    for name, (rows, columns) in shapes.items():
        entries[name] = {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [position, position := position + 2 * rows * columns]}
    header = json.dumps(entries).encode()
    with path.open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        stream.truncate(8 + len(header) + position)
