import json

import pytest
from tests.training.nano import nano

from nemoflow.cli.main import main


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    return nano(tmp_path_factory.mktemp("nano"))


@pytest.fixture
def says(capsys):
    """Exit code, lines and what was said of an error."""

    def run(*args):
        code = 0
        try:
            main(["doctor", "model", *map(str, args)])
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_the_table_names_each_kind_of_module_and_what_becomes_of_it(contest, says):
    code, out, _ = says(contest)
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert rows["mixer.in_proj"].split()[1:] == ["23/23", "10304x2688", "9,562,112", "637,034,496", "nf4", "trains"]
    assert rows["mixer.out_proj"].endswith("full  refused by PEFT")
    assert rows["mixer.experts.up_proj"].split()[1:3] == ["0/23", "128x1856x2688"]
    assert "93 modules in 52 of 52 layers of nemotron_h train: 22,718,464 parameters at rank 32" in out
    assert "suggested: q_proj, k_proj, v_proj, o_proj, in_proj, up_proj, down_proj" in out


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (("--targets", "q_proj,gate_proj"), "--targets: ['gate_proj'] match no Linear module of nemotron_h; there are: down_proj"),
        (("--targets", "all-linear"), "['out_proj'] are refused by PEFT"),
        (("--targets", "("), "'(' is no regular expression"),
        (("--targets", "no/adapter_config.json"), "No such file"),
        (("--gpu", "a10g"), "a10g has 22.5"),
        (("--gpu", "h1000"), "'h1000' is no known class"),
        (("--set", '{"train.max_lenght": 4}'), "train.max_lenght"),
        (("--set", '{"mix.rows": 4}'), "is no field of train"),
        (("--workflow", "none.toml"), "none.toml"),
        (("--measured", "none.json"), "none.json"),
    ],
)
def test_what_would_not_work_ends_with_2_and_is_named(contest, says, args, error):
    code, _, err = says(contest, *args)
    assert (code, error in err) == (2, True), err


def test_a_folder_without_headers_ends_with_2(tmp_path, says):
    code, _, err = says(tmp_path)
    assert (code, "config.json" in err) == (2, True)


@pytest.mark.parametrize(("method", "right"), [("mxfp4", "or 'none', which takes it as it is"), ("gptq", "the model in bf16 is right")])
def test_a_base_that_is_quantised_already_is_not_quantised_again(tmp_path, says, method, right):
    config = nano(tmp_path, "M*") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"quantization_config": {"quant_method": method}}))
    code, _, err = says(tmp_path)
    assert (code, "train.quantization: 'nf4'" in err, method in err, right in err) == (2, True, True, True)
    assert says(tmp_path, "--set", '{"train.quantization": "none"}')[0] == (0 if method == "mxfp4" else 2)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("gpt2", "the matrices of gpt2 are Conv1D modules"),
        ("llava", "model_type 'llava' is none that transformers"),
        ("kimi_of_tomorrow", "code that comes with a model (auto_map) is not run"),
    ],
)
def test_a_type_that_training_could_not_load_or_adapt_ends_with_2(tmp_path, says, kind, error):
    config = nano(tmp_path, "M*") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": kind}))
    code, _, err = says(tmp_path)
    assert (code, error in err) == (2, True), err


def test_an_adapters_own_targets_are_resolved(contest, tmp_path, says):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"target_modules": r".*\.(in|out)_proj"}))
    code, out, err = says(contest, "--targets", tmp_path)
    assert (code, "['out_proj'] are refused by PEFT" in err) == (2, True)
    (tmp_path / "adapter_config.json").write_text(json.dumps({"target_modules": ["k_proj", "v_proj"]}))
    code, out, err = says(contest, "--targets", tmp_path, "--rank", 8)
    assert code == 0
    assert "12 modules in 6 of 52 layers" in out
    (tmp_path / "adapter_config.json").write_text("{}")
    assert says(contest, "--targets", tmp_path)[0] == 2


@pytest.mark.parametrize(
    "field",
    [{"exclude_modules": ["v_proj"]}, {"layers_to_transform": [0]}, {"target_parameters": ["up_proj"]}, {"rank_pattern": {"q_proj": 4}}],
)
def test_an_adapter_that_also_says_otherwise_what_it_is_on_is_not_taken_by_its_names_alone(contest, tmp_path, says, field):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"target_modules": ["q_proj"], **field}))
    code, _, err = says(contest, "--targets", tmp_path)
    assert (code, f"{next(iter(field))} is " in err) == (2, True), err


def test_targets_that_training_refuses_as_paths_are_refused_here_too(contest, says):
    code, _, err = says(contest, "--set", '{"train.targets": ["mixer.q_proj"]}')
    assert (code, "'mixer.q_proj' is a path; its last part is right: 'q_proj'" in err) == (2, True), err


def test_json_holds_targets_plan_and_what_fits(contest, says):
    code, out, _ = says(contest, "--gpu", "h100", "--length", 8192, "--tokens", 1_000_000, "--json")
    shown = json.loads(out)
    assert code == 0
    assert (shown["targets"]["trained"], shown["targets"]["layers_reached"]) == (22_718_464, 52)
    assert shown["gpu"]["fits"]
    assert "h100" in shown["fits"]
    assert shown["gpu"]["hours"] == pytest.approx(3 * 1_000_000 / shown["gpu"]["tokens_per_second"] / 3600)
    code, out, _ = says(contest, "--gpu", "l40s", "--set", '{"train.quantization": "none"}', "--json")
    together = "2 such GPUs (train.processes 2, train.sharding base)"
    assert (code, json.loads(out)["gpu"]["remedies"]) == (2, ["train.quantization nf4", together])


def test_the_plan_stands_beside_what_a_run_measured(contest, tmp_path, says):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"step": "train", "metrics": {"peak_memory_gib": 30.5, "seconds_per_step": 12.5, "trainable": 1}}))
    code, out, _ = says(contest, "--measured", path, "--gpu", "h100")
    assert code == 0
    assert "measured: peak memory 30.50 GiB, planned 2" in out
    assert "measured: 12.50 s a step, planned" in out
    assert "measured: 1 parameters trained, planned 22,718,464" in out
    path.write_text(json.dumps({"step": "mix", "metrics": {}}))
    assert says(contest, "--measured", path)[0] == 2


def test_a_workflow_gives_the_recipe(contest, says):
    code, out, _ = says(contest, "--workflow", "workflows/competition.toml", "--json")
    assert code == 0
    assert json.loads(out)["targets"]["rank"] == 32
