import json

import pytest
from tests.evaluation.tiny import numerals, save_tiny_base
from tests.inference.test_vllm import save_model
from tests.steps.alone import Alone, write_lines

from nemoflow.config import build, identity
from nemoflow.errors import ConfigError, InputError
from nemoflow.evaluation.presets import PRESETS
from nemoflow.problems.catalog import SOURCES
from nemoflow.prompts.form import Form
from nemoflow.steps.evaluate import EVALUATE, EvaluateConfig

CONFIG = {"max_new_tokens": 6, "threads": 1, "batch_size": 8, "temperature": 1.0}
PROBLEMS = numerals(4)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def step(base, tmp_path):
    return Alone(EVALUATE, {"problems": write_lines(tmp_path / "eval.jsonl", PROBLEMS), "model": base}, tmp_path / "root")


def report(step, manifest):
    return json.loads((step.root / manifest.outputs["report"].address / "report.json").read_bytes())


def texts(step, manifest):
    return [trace.response for trace in step.rows(manifest, "rollouts")]


def test_each_problem_is_sampled_and_pass_at_k_is_told_by_benchmark_kind_and_in_all(step):
    manifest = step.run(samples=3, **CONFIG)
    traces = step.rows(manifest, "rollouts")
    assert [(trace.problem_id, trace.sample) for trace in traces] == [(row.id, sample) for row in PROBLEMS for sample in range(3)]
    assert len({trace.id for trace in traces}) == len({trace.response for trace in traces}) == 12
    found = report(step, manifest)
    assert {by: list(one) for by, one in found["sampled"].items()} == {
        "all": ["all"], "benchmarks": ["test"], "kinds": ["numeral", "unit"]
    }  # fmt: skip
    assert list(found["sampled"]["all"]["all"]["k"]) == ["1", "2", "3"]
    assert (found["samples"], found["repeats"], found["noise"]["attempts"]) == (3, 1, 3)
    assert {"pass@1", "pass@3", "maj@3"} <= manifest.metrics.keys()


def test_what_is_drawn_depends_on_the_seed_and_not_on_the_batches(step):
    whole = texts(step, step.run("whole", samples=2, **CONFIG))
    apart = texts(step, step.run("apart", fresh=True, samples=2, **{**CONFIG, "batch_size": 3}))
    other = texts(step, step.run("other", samples=2, seed=1, **CONFIG))
    assert whole == apart
    assert whole != other


def test_more_samples_begin_with_those_that_there_were(step):
    few = step.rows(step.run("few", samples=2, **CONFIG), "rollouts")
    many = step.rows(step.run("many", samples=3, **CONFIG), "rollouts")
    assert [(trace.id, trace.response) for trace in many if trace.sample < 2] == [(trace.id, trace.response) for trace in few]


def test_repeats_of_a_greedy_evaluation_say_the_same_here_and_tell_no_noise(step):
    manifest = step.run(repeats=3, **{**CONFIG, "temperature": 0.0})
    by_sample = [[trace.response for trace in step.rows(manifest, "rollouts") if trace.sample == sample] for sample in range(3)]
    assert by_sample[0] == by_sample[1] == by_sample[2]
    found = report(step, manifest)["noise"]
    assert (found["attempts"], found["turned"], found["floor"]) == (3, 0, 0.0)


def test_a_form_of_ones_own_is_what_is_asked(step, tmp_path):
    form = Form(system="Look.", suffix="Write the number")
    (tmp_path / "prompt.json").write_text(form.model_dump_json())
    plain = step.rows(step.run("plain", **CONFIG), "rollouts")
    step.inputs["prompt"] = tmp_path / "prompt.json"
    manifest = step.run("formed", **CONFIG)
    formed = step.rows(manifest, "rollouts")
    assert [(turn.role, turn.content) for turn in formed[0].messages] == [
        ("system", "Look."),
        ("user", f"{PROBLEMS[0].statement}\nWrite the number"),
    ]
    assert formed[0].usage.prompt_tokens != plain[0].usage.prompt_tokens
    assert formed[0].id != plain[0].id
    assert report(step, manifest)["prompt"]["system"] == "Look."


def test_kinds_are_chosen_by_name_and_an_unknown_one_is_refused(step):
    manifest = step.run(kinds=("unit",), **CONFIG)
    assert {trace.category for trace in step.rows(manifest, "rollouts")} == {"unit"}
    assert manifest.dropped == {"beyond-limit": 2}
    with pytest.raises(InputError, match=r"no problem of kinds = \['bits'\]; it has numeral, unit"):
        step.run("none", kinds=("bits",), **CONFIG)


def test_several_greedy_samples_are_refused_with_what_measures_noise():
    with pytest.raises(ConfigError, match=r"samples = 4: temperature 0 gives the same answer.*`repeats` to measure noise"):
        build(EvaluateConfig, {"samples": 4}, "evaluate")


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_sets_what_its_user_did_not_and_is_no_part_of_the_identity(name):
    preset = PRESETS[name]
    assert preset.layout in SOURCES
    assert preset.sources
    config = build(EvaluateConfig, {"preset": name}, "evaluate")
    assert {field: getattr(config, field) for field in preset.fields} == dict(preset.fields)
    by_hand = build(EvaluateConfig, json.loads(json.dumps(dict(preset.fields))), "evaluate")
    assert identity(config) == identity(by_hand)
    assert build(EvaluateConfig, {"preset": name, "max_new_tokens": 77}, "evaluate").max_new_tokens == 77


def test_the_contests_preset_is_the_default():
    assert identity(build(EvaluateConfig, {"preset": "contest"}, "evaluate")) == identity(EvaluateConfig())


def test_the_identity_of_an_evaluation_as_it_was_before_there_were_presets_stays():
    assert identity(EvaluateConfig()) == {"dtype": "auto", "limit": 0, "max_new_tokens": 7680, "revision": "c", "seed": 0}


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_a_base_in_fewer_bits_answers_and_says_so(quantization, tmp_path):
    inputs = {"problems": write_lines(tmp_path / "eval.jsonl", PROBLEMS), "model": save_model(tmp_path / "base")}
    step = Alone(EVALUATE, inputs, tmp_path / "root")
    config = {**CONFIG, "temperature": 0.0, "max_new_tokens": 4}
    whole, fewer = step.run("whole", **config), step.run("fewer", quantization=quantization, **config)
    assert (fewer.config["quantization"], fewer.engines["dtype"]) == (quantization, "float32")
    assert len(texts(step, fewer)) == len(texts(step, whole)) == 4
    assert fewer.fingerprint != whole.fingerprint
