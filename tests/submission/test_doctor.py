"""Each rule of the contest's runtime has an adapter that breaks it, and breaks no other."""

import json
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.models.handmade import numbers, write
from tests.submission.lora import MODULES, PREFIX, Lora, save_base, sound

from nemoflow.errors import InputError, SubmissionError
from nemoflow.models.headers import read_header
from nemoflow.submission.doctor import Checkup, examine
from nemoflow.submission.rules import RULES, Finding

IN_PROJ = f"{PREFIX}model.layers.0.mixer.in_proj"
EXPERTS = tuple(module for module in MODULES if ".experts." in module)
PATH = f"{PREFIX}model.layers.1.mixer.experts"


@pytest.fixture
def base(tmp_path):
    return save_base(tmp_path / "base")


@pytest.fixture
def lora(tmp_path) -> Lora:
    return sound(tmp_path / "adapter")


def check(lora: Lora, base) -> Checkup:
    return examine(lora.save(), base, max_rank=32)


def only(lora: Lora, base) -> Finding:
    checkup = check(lora, base)
    assert len(checkup.findings) == 1, checkup.findings
    return checkup.findings[0]


def put(lora: Lora, name: str, shape=(4, 8), dtype: str = "F32", value: float = 0.5) -> None:
    lora.tensors[name] = numbers(dtype, shape, value)


def move(lora: Lora, old: str, new: str) -> None:
    lora.tensors = {name.replace(old, new): tensor for name, tensor in lora.tensors.items()}


def test_a_sound_adapter_passes_and_is_counted(lora, base):
    checkup = check(lora, base)
    assert (checkup.findings, checkup.dead) == ((), ())
    assert (checkup.rank, checkup.scale, checkup.modules, checkup.tensors, checkup.dtypes) == (4, 2.0, 3, 6, ("F32",))
    assert checkup.parameters == 4 * (20 + 8 + 16 + 8 + 4 + 8)
    checkup.require_sound(lora.folder)


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
@pytest.mark.parametrize("prefix", ["model.", "backbone."])
def test_both_prefixes_and_all_three_dtypes_load(tmp_path, base, prefix, dtype):
    lora = Lora(tmp_path / "adapter").adapt("layers.0.mixer.in_proj", prefix=prefix, dtype=dtype)
    lora.config["target_modules"] = ["in_proj"]
    assert check(lora, base).findings == ()


@pytest.mark.parametrize("module", ["layers.0.mixer.out_proj", "layers.1.mixer.shared_experts.up_proj"])
def test_modules_that_peft_refuses_but_vllm_loads_pass(lora, base, module):
    assert check(lora.adapt(module), base).findings == ()


def test_lm_head_takes_an_adapter_and_may_bring_its_own_copy(lora, base):
    assert check(lora.add("lm_head", (30, 8)), base).findings == ()
    put(lora, f"{PREFIX}lm_head.base_layer.weight", (30, 8))
    assert (only(lora, base).rule, only(lora, base).severity) == ("base-copy", "note")


def test_experts_pass_where_all_of_a_layer_have_both_matrices(lora, base):
    assert check(lora.adapt(*EXPERTS), base).findings == ()


def test_rank_stabilised_lora_passes_with_its_own_scale(lora, base):
    lora.config["use_rslora"] = True
    assert (check(lora, base).findings, check(lora, base).scale) == ((), 4.0)


def test_a_pattern_that_changes_nothing_is_a_note(lora, base):
    lora.config |= {"rank_pattern": {"q_proj": 4}, "alpha_pattern": {"absent": 3}}
    assert [(finding.rule, finding.severity) for finding in check(lora, base).findings] == [("pattern-idle", "note")] * 2


@pytest.mark.parametrize("name", ["r", "lora_alpha", "target_modules"])
def test_a_required_field_that_is_missing_is_named(lora, base, name):
    del lora.config[name]
    finding = only(lora, base)
    assert (finding.rule, finding.severity, finding.subjects) == ("field-missing", "refused", (name,))


CONFIGS = [
    ("rank", "r", "4"),
    ("rank", "r", True),
    ("rank", "r", None),
    ("alpha", "lora_alpha", 0),
    ("alpha", "lora_alpha", -8),
    ("alpha", "lora_alpha", "8"),
    ("alpha", "lora_alpha", float("inf")),
    pytest.param("alpha", "lora_alpha", 10**400, id="alpha-too-large-for-a-float"),
    ("targets", "target_modules", []),
    ("targets", "target_modules", ""),
    ("targets", "target_modules", [1]),
    ("targets", "target_modules", None),
    ("modules-to-save", "modules_to_save", ["lm_head"]),
    ("dora", "use_dora", True),
    ("bias", "bias", "all"),
    ("bias", "bias", "lora_only"),
    ("peft-type", "peft_type", "LOHA"),
    ("peft-type-name", "peft_type", "lora"),
    ("peft-type-name", "peft_type", "PeftType.LORA"),
    ("pattern", "rank_pattern", ["q_proj"]),
    ("pattern", "rank_pattern", {"*_proj": 4}),
    ("pattern", "alpha_pattern", {"q_proj(": 8}),
    ("targets", "target_modules", ["Wqkv", "dense"]),
    ("rslora", "use_rslora", "yes"),
    ("alpha-pattern", "alpha_pattern", {"q_proj": 2}),
    ("lora-bias", "lora_bias", True),
    ("fan-in-fan-out", "fan_in_fan_out", True),
    ("layer-replication", "layer_replication", [[0, 2]]),
    ("trained-tokens", "trainable_token_indices", [1]),
    ("activated", "alora_invocation_tokens", [1, 2]),
    ("other-lora", "use_qalora", True),
    ("other-lora", "use_bdlora", {"n": 2}),
    ("other-lora", "kasa_config", {"beta": 1}),
    ("residual-init", "init_lora_weights", "pissa_niter_16"),
    ("residual-init", "init_lora_weights", "loftq"),
    ("residual-init", "init_lora_weights", "lora_ga"),
    ("target-pattern", "target_modules", r".*(in|q|v)_proj$"),
    ("target-pattern", "target_modules", "all-linear"),
    ("target-idle", "target_modules", ["in_proj", "q_proj", "v_proj", "gate_proj"]),
    ("target-parameters", "target_parameters", ["experts.up_proj"]),
    ("base-path", "base_model_name_or_path", "/home/me/model"),
    ("base-path", "base_model_name_or_path", "C:\\models"),
    ("task-type", "task_type", "SEQ_CLS"),
    ("field-unknown", "something_new", 1),
]


@pytest.mark.parametrize(("rule", "name", "value"), CONFIGS)
def test_a_field_breaks_its_rule_and_no_other_and_is_named_with_its_value(lora, base, rule, name, value):
    lora.config[name] = value
    finding = only(lora, base)
    assert (finding.rule, finding.severity, finding.subjects[0]) == (rule, RULES[rule].severity, name)
    assert rule == "target-idle" or repr(value)[:40] in finding.value


@pytest.mark.parametrize("targets", ["q_proj,v_proj", "q_proj", "['q_proj']", "*_proj", "(q_proj"])
def test_a_string_of_targets_that_is_no_regular_expression_for_a_module_is_refused(lora, base, targets):
    lora.config["target_modules"] = targets
    checkup = check(lora, base)
    assert [finding.rule for finding in checkup.findings] == ["targets", "target-pattern"]
    assert repr(targets) in checkup.findings[0].value


@pytest.mark.parametrize("targets", [r"backbone\.layers\.\d+\.mixer\.\w+", r"model\.layers\.2\..*", "All-Linear"])
def test_a_regular_expression_may_be_for_either_name_of_the_modules(lora, base, targets):
    lora.config["target_modules"] = targets
    assert only(lora, base).rule == "target-pattern"


@pytest.mark.parametrize("value", ["4", None, [4], True])
def test_a_pattern_whose_values_are_no_numbers_is_refused_with_key_and_value(lora, base, value):
    lora.config["rank_pattern"] = {"q_proj": value}
    assert (only(lora, base).rule, only(lora, base).value) == ("pattern", f"'q_proj': {value!r}; a number was expected")


def test_another_kind_of_adapter_is_refused_for_that_and_for_no_field_that_it_need_not_have(lora, base):
    lora.config = {"peft_type": "LOHA", "alpha": 8}
    assert only(lora, base).rule == "peft-type"


def test_a_config_without_a_peft_type_is_a_risk_alone(lora, base):
    del lora.config["peft_type"]
    assert (only(lora, base).rule, only(lora, base).severity) == ("peft-type-name", "risk")


def test_names_that_would_command_a_terminal_or_cannot_be_written_are_shown_escaped(lora, base):
    put(lora, "x\x1b[31m\n")
    lora.config["\ud800"] = 1
    findings = {finding.rule: finding.subjects[0] for finding in check(lora, base).findings}
    assert findings == {"extra-tensor": r"x\x1b[31m\n", "field-unknown": r"\ud800"}


def test_a_config_of_many_fields_a_name_of_megabytes_and_thousands_of_layers_take_seconds_at_most(lora, base):
    lora.config |= {f"field{number}": 1 for number in range(30_000)}
    lora.config["target_modules"] = [*lora.config["target_modules"], *(f"other{number}" for number in range(30_000))]
    lora.config["rank_pattern"] = {rf"layers.{number}.mixer.q_proj": 8 for number in range(10, 30_000)}
    put(lora, PREFIX + "a." * 1_000_000 + "lora_A.weight")
    for number in range(20_000):
        lora.tensors[f"{PREFIX}model{number}.experts.0.up_proj.lora_A.weight"] = ("F32", (0,), b"")
    began = time.process_time()
    rules = {finding.rule for finding in check(lora, base).findings}
    assert {"extra-tensor", "half-pair", "wrong-base", "field-unknown", "target-idle", "pattern-idle"} <= rules
    assert time.process_time() - began < 20


@pytest.mark.parametrize("init", [True, False, None, "gaussian", "eva", "orthogonal"])
def test_a_start_that_leaves_the_base_alone_passes(lora, base, init):
    lora.config["init_lora_weights"] = init
    assert check(lora, base).findings == ()


@pytest.mark.parametrize("rank", [33, 0, -4])
def test_a_rank_out_of_bounds_is_refused(tmp_path, base, rank):
    lora = Lora(tmp_path / "adapter").adapt("layers.0.mixer.in_proj", rank=max(rank, 1))
    lora.config |= {"r": rank, "target_modules": ["in_proj"]}
    assert "rank" in {finding.rule for finding in check(lora, base).of("refused")}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "a JSON list"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ("{}".encode("utf-16"), "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b" " * (1 << 24) + b"{}", "at most"),
    ],
    ids=["torn", "list", "bom", "utf-16", "deep", "huge"],
)
def test_a_config_that_vllm_cannot_read_is_refused(lora, base, content, match):
    (lora.save() / "adapter_config.json").write_bytes(content)
    (finding,) = examine(lora.folder, base, 32).findings
    assert finding.rule == "config-json"
    assert match in finding.value


def test_a_field_that_stands_twice_is_a_risk(lora, base):
    path = lora.save() / "adapter_config.json"
    path.write_text(path.read_text().replace('"r": 4', '"r": 8, "r": 4'))
    (finding,) = examine(lora.folder, base, 32).findings
    assert (finding.rule, finding.subjects) == ("field-twice", ("r",))


def half(lora: Lora) -> None:
    del lora.tensors[f"{IN_PROJ}.lora_A.weight"]


def small(lora: Lora) -> None:
    lora.adapt("layers.0.mixer.in_proj", rank=2)


def patterned(lora: Lora) -> None:
    small(lora)
    lora.config["rank_pattern"] = {"in_proj": 2}


def wide(lora: Lora) -> None:
    lora.adapt("layers.0.mixer.in_proj", rank=40, value=0.1)


def turned(lora: Lora) -> None:
    put(lora, f"{IN_PROJ}.lora_A.weight", (8, 4))
    put(lora, f"{IN_PROJ}.lora_B.weight", (4, 20))


def rescaled_experts(lora: Lora) -> None:
    lora.adapt(*EXPERTS).config["use_rslora"] = True


def other_model(lora: Lora) -> None:
    lora.tensors.clear()
    for layer in range(3):
        lora.add(f"model.layers.{layer}.self_attn.q_proj", (16, 8))
    lora.config["target_modules"] = ["q_proj"]


def other_size(lora: Lora) -> None:
    for name, (_, shape, _) in lora.tensors.items():
        put(lora, name, (4, 2 * shape[1]) if ".lora_A." in name else (2 * shape[0], 4))


def infinite(lora: Lora) -> None:
    put(lora, f"{IN_PROJ}.lora_B.weight", (20, 4), value=float("nan"))


def zero(lora: Lora) -> None:
    for name, (dtype, shape, _) in lora.tensors.items():
        if ".lora_B." in name:
            lora.tensors[name] = numbers(dtype, shape, 0.0)


def large(lora: Lora) -> None:
    put(lora, f"{IN_PROJ}.lora_B.weight", (20, 4), value=1e4)


def megatron(lora: Lora) -> None:
    for side in ("linear_in", "linear_out"):
        put(lora, f"decoder.layers.0.mixer.in_proj.adapter.{side}.weight")


TENSORS: list[tuple[str, str, Callable[[Lora], object]]] = [
    ("prefix", "model.layers.0", lambda lora: move(lora, PREFIX, "")),
    ("prefix", f"{PREFIX}layers.0", lambda lora: move(lora, f"{PREFIX}model.", PREFIX)),
    ("prefix", f"{PREFIX}_orig_mod.", lambda lora: move(lora, PREFIX, f"{PREFIX}_orig_mod.")),
    ("prefix", f"{PREFIX}module.", lambda lora: move(lora, PREFIX, f"{PREFIX}module.")),
    ("prefix", f"{PREFIX}language_model.", lambda lora: move(lora, PREFIX, f"{PREFIX}language_model.")),
    ("prefix", f"{PREFIX}base_model", lambda lora: move(lora, PREFIX, PREFIX * 2)),
    ("key-name", f"{IN_PROJ}.lora_A.default.weight", lambda lora: move(lora, "lora_A.", "lora_A.default.")),
    ("key-name", f"{IN_PROJ}.lora_A", lambda lora: move(lora, "lora_A.weight", "lora_A")),
    ("key-name", f"{IN_PROJ}.lora_down.weight", lambda lora: move(lora, "lora_A", "lora_down")),
    ("key-name", f"{IN_PROJ}.linear_in.weight", lambda lora: move(lora, "lora_A", "linear_in")),
    ("half-pair", f"{IN_PROJ}.lora_B.weight", half),
    ("extra-tensor", f"{IN_PROJ}.weight", lambda lora: put(lora, f"{IN_PROJ}.weight")),
    ("extra-tensor", f"{PREFIX}model.embeddings.weight", lambda lora: put(lora, f"{PREFIX}model.embeddings.weight")),
    ("extra-tensor", "step", lambda lora: put(lora, "step")),
    ("skipped-layer", f"{PREFIX}mtp.0.q_proj.lora_A", lambda lora: put(lora, f"{PREFIX}mtp.0.q_proj.lora_A.weight")),
    ("magnitude", f"{IN_PROJ}.lora_mag", lambda lora: put(lora, f"{IN_PROJ}.lora_magnitude_vector")),
    ("bias-tensor", f"{IN_PROJ}.bias", lambda lora: put(lora, f"{IN_PROJ}.bias")),
    ("bias-tensor", f"{IN_PROJ}.lora_B.bias", lambda lora: put(lora, f"{IN_PROJ}.lora_B.bias")),
    ("fused-experts", f"{PATH}.lora_A", lambda lora: put(lora, f"{PATH}.lora_A.weight")),
    ("fused-experts", f"{PATH}.base_layer", lambda lora: put(lora, f"{PATH}.base_layer.lora_A.weight")),
    ("fused-experts", f"{PATH}.w1", lambda lora: put(lora, f"{PATH}.w1.lora_A.weight")),
    ("fused-experts", f"{PATH}.up_proj", lambda lora: put(lora, f"{PATH}.up_proj.lora_B.weight")),
    ("module-unknown", f"{PREFIX}model.layers.9.", lambda lora: lora.add("model.layers.9.mixer.in_proj", (20, 8))),
    ("module-unknown", f"{PREFIX}model.layers.0.", lambda lora: lora.add("model.layers.0.mixer.gate_proj", (20, 8))),
    ("module-unknown", f"{PREFIX}vision_tower.layers.2", lambda lora: lora.add("vision_tower.layers.2.mixer.q_proj", (16, 8))),
    (
        "foreign-names",
        f"{PREFIX}decoder.layers.2.self_attention",
        lambda lora: lora.add("decoder.layers.2.self_attention.linear_qkv", (24, 8)),
    ),
    (
        "foreign-names",
        "decoder.layers.0.mixer.in_proj.adapter",
        megatron,
    ),
    ("router", f"{PREFIX}model.layers.1.mixer.gate", lambda lora: lora.add("model.layers.1.mixer.gate", (2, 8))),
    ("unserved", f"{PREFIX}model.layers.1.mixer.odd", lambda lora: lora.add("model.layers.1.mixer.odd", (2, 8))),
    ("wrong-base", f"{PREFIX}model.layers.0.self_attn", other_model),
    ("wrong-base", IN_PROJ, other_size),
    ("shape", f"{IN_PROJ}.lora_A", lambda lora: put(lora, f"{IN_PROJ}.lora_A.weight", (4, 9))),
    ("transposed", f"{IN_PROJ}.lora_A", turned),
    ("tensor-rank", f"{IN_PROJ}.lora_A", small),
    ("rank-pattern", "rank_pattern", patterned),
    ("over-rank", f"{IN_PROJ}.lora_A", wide),
    ("ungathered", f"{IN_PROJ}.lora_A", lambda lora: put(lora, f"{IN_PROJ}.lora_A.weight", (0,))),
    ("ungathered", f"{IN_PROJ}.lora_A", lambda lora: put(lora, f"{IN_PROJ}.lora_A.weight", (32,))),
    ("dimensions", f"{IN_PROJ}.lora_A", lambda lora: put(lora, f"{IN_PROJ}.lora_A.weight", (2, 4, 8))),
    ("experts-missing", "model.layers.1.mixer.experts.1", lambda lora: lora.adapt(*EXPERTS[:-1])),
    ("rslora-experts", "use_rslora", rescaled_experts),
    ("dtype", f"{IN_PROJ}.lora_A", lambda lora: put(lora, f"{IN_PROJ}.lora_A.weight", dtype="I64", value=1)),
    ("dtype-wide", f"{IN_PROJ}.lora_A", lambda lora: put(lora, f"{IN_PROJ}.lora_A.weight", dtype="F64")),
    ("not-finite", f"{IN_PROJ}.lora_B", infinite),
    ("all-dead", "model.layers.0.mixer.in_proj", zero),
    ("outlier", "model.layers.0.mixer.in_proj", large),
]


@pytest.mark.parametrize(("rule", "subject", "breaks"), TENSORS, ids=[f"{rule}-{number}" for number, (rule, *_) in enumerate(TENSORS)])
def test_a_tensor_breaks_its_rule_and_no_other_and_is_named(lora, base, rule, subject, breaks):
    breaks(lora)
    finding = only(lora, base)
    assert (finding.rule, finding.severity) == (rule, RULES[rule].severity)
    assert finding.subjects[0].startswith(subject)


def test_lora_on_the_embedding_is_a_risk(lora, base):
    put(lora, f"{PREFIX}model.embeddings.lora_embedding_A", (4, 30))
    put(lora, f"{PREFIX}model.embeddings.lora_embedding_B", (8, 4))
    assert (only(lora, base).rule, only(lora, base).subjects) == ("embedding", ("model.embeddings",))
    put(lora, f"{PREFIX}model.embeddings.lora_embedding_A", (4, 31))
    assert [finding.rule for finding in check(lora, base).of("refused")] == ["shape"]


def test_the_same_module_under_both_prefixes_is_refused(lora, base):
    finding = only(lora.adapt("layers.0.mixer.in_proj", prefix="backbone."), base)
    assert (finding.rule, len(finding.subjects)) == ("same-module", 2)


def test_a_wrong_shape_says_which_was_expected(lora, base):
    put(lora, f"{IN_PROJ}.lora_A.weight", (4, 9))
    assert "a matrix [4, 8] was expected, got [4, 9]" in only(lora, base).value


def test_a_wrong_base_is_named_with_what_the_adapter_says_of_itself(lora, base):
    other_model(lora)
    finding = only(lora, base)
    assert "3 of its 3 modules are not in this nemotron_h" in finding.value
    assert "trained on 'nemoflow/tiny-nemotron-h'" in finding.value


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_number_that_is_none_is_found_in_every_dtype(lora, base, dtype, value):
    name = f"{IN_PROJ}.lora_B.weight"
    _, shape, content = numbers(dtype, (20, 4), 0.25)
    item = numbers(dtype, (1,), value)[2]
    lora.tensors[name] = (dtype, shape, content[: -2 * len(item)] + item + content[: len(item)])
    assert (only(lora, base).rule, only(lora, base).subjects) == ("not-finite", (name,))


def test_the_largest_and_smallest_finite_numbers_are_finite_and_not_zero(lora, base):
    for bits in (0x7F7FFFFF, 0xFF7FFFFF, 0x00000001):
        content = bytes(4 * 79) + struct.pack("<I", bits)
        lora.tensors[f"{IN_PROJ}.lora_B.weight"] = ("F32", (20, 4), content)
        checkup = check(lora, base)
        assert (checkup.violations, checkup.dead) == ((), ())


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize("side", ["A", "B"])
def test_a_module_that_training_never_reached_is_counted_and_a_risk(lora, base, dtype, zero, side):
    name = f"{IN_PROJ}.lora_{side}.weight"
    lora.tensors[name] = numbers(dtype, lora.tensors[name][1], zero)
    checkup = check(lora, base)
    assert (checkup.violations, checkup.dead) == ((), ("model.layers.0.mixer.in_proj",))
    assert [(finding.rule, finding.value) for finding in checkup.findings] == [("dead", "1 of 1 in_proj are all zeros")]


def test_an_update_far_from_its_kind_is_a_risk_however_small(tmp_path, base):
    lora = Lora(tmp_path / "adapter")
    for module, (outputs, inputs) in MODULES.items():
        lora.add(f"model.{module}", (outputs, inputs), value=1e-3)
    put(lora, f"{PATH}.0.up_proj.lora_B.weight", (12, 4), value=1e-3 * 100)
    lora.config["target_modules"] = "all-linear"
    assert "outlier" not in {finding.rule for finding in check(lora, base).findings}  # three up_proj make no median
    lora.add("model.layers.3.mixer.up_proj", (12, 8), value=1e-3)
    write_more(base, "layers.3.mixer.up_proj", (12, 8))
    (finding,) = [finding for finding in check(lora, base).findings if finding.rule == "outlier"]
    assert finding.subjects == ("model.layers.1.mixer.experts.0.up_proj",)


def write_more(base: Path, module: str, shape: tuple[int, int]) -> None:
    name = f"backbone.{module}.weight"
    write(base / "more.safetensors", {name: numbers("F32", shape)})
    first = (base / "model.safetensors").rename(base / "first.safetensors")
    index = {"weight_map": dict.fromkeys(read_header(first), first.name) | {name: "more.safetensors"}}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))


def test_a_tied_head_is_a_risk(lora, tmp_path):
    base = save_base(tmp_path / "tied", tied=True)
    assert only(lora.add("lm_head", (30, 8)), base).rule == "tied-head"


def test_a_family_of_which_nothing_is_known_is_a_risk_and_still_compared(lora, tmp_path):
    base = save_base(tmp_path / "other", "mamba9")
    move(lora, f"{PREFIX}model.", f"{PREFIX}backbone.")
    assert (only(lora, base).rule, only(lora, base).severity) == ("family-unknown", "risk")
    put(lora, f"{PREFIX}backbone.layers.0.mixer.in_proj.lora_A.weight", (4, 9))
    assert [finding.rule for finding in check(lora, base).of("refused")] == ["shape"]


def test_the_worst_comes_first_and_many_are_shown_in_part_and_counted(lora, base):
    lora.config |= {"use_dora": True, "bias": "all", "lora_bias": True, "use_qalora": True, "modules_to_save": ["x"], "new": 1}
    lora.config |= {"target_modules": "all-linear", "layer_replication": [[0, 1]]}
    checkup = check(lora, base)
    assert [finding.severity for finding in checkup.findings] == ["refused"] * 6 + ["risk", "note"]
    with pytest.raises(SubmissionError, match=r"and 1 more$"):
        checkup.require_sound(lora.folder)


def test_thousands_of_tensors_that_break_one_rule_are_one_finding(lora, base):
    for layer in range(10, 12):
        lora.add(f"model.layers.{layer}.mixer.in_proj", (20, 8))
    finding = only(lora, base)
    assert (finding.rule, len(finding.subjects)) == ("module-unknown", 4)
    assert "and 3 more" in finding.text


def test_the_base_has_to_be_a_model(lora, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        examine(lora.save(), tmp_path / "nowhere", 32)
    base = save_base(tmp_path / "base")
    lora.folder = base
    lora.save()
    with pytest.raises(InputError, match="that is an adapter, the model under it was expected"):
        examine(lora.folder, base, 32)


@pytest.mark.parametrize(("name", "dtype"), [("q_proj.weight", "U8"), ("q_proj.qweight", "I32"), ("q_proj.weight_packed", "I32")])
def test_a_quantised_base_is_refused_for_its_shapes_are_not_the_modules(lora, base, name, dtype):
    write(base / "model.safetensors", {f"backbone.layers.9.mixer.{name}": (dtype, (4, 1), bytes(4 if dtype == "U8" else 16))})
    with pytest.raises(InputError, match="quantised weights"):
        examine(lora.save(), base, 32)


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
    assert [finding.rule for finding in checkup.of("refused")] == ["all-dead"]
    assert (checkup.tensors, checkup.parameters) == (232, 27_711_488)
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
