"""The command: a table, JSON for programs, exit codes, a repaired copy; and its page of docs."""

import json
from pathlib import Path

import pytest
from tests.submission.lora import Lora, save_base, sound

from nemoflow.cli.main import main
from nemoflow.submission.rules import RULES

DOCS = Path(__file__).parents[2] / "docs" / "adapter.md"


@pytest.fixture
def base(tmp_path):
    return save_base(tmp_path / "base")


@pytest.fixture
def lora(tmp_path) -> Lora:
    return sound(tmp_path / "adapter")


def says(capsys, *args):
    try:
        main(["doctor", "adapter", *map(str, args)])
    except SystemExit as end:
        code = end.code
    else:
        code = 0
    out = capsys.readouterr()
    return code, out.out, out.err


def test_a_sound_adapter_ends_with_0_and_one_line(lora, base, capsys):
    code, out, err = says(capsys, lora.save(), "--base", base)
    assert (code, err) == (0, "")
    assert out == f"{lora.folder}: 3 modules, rank 4, scale 2, 256 parameters, F32: nothing found\n"


def test_a_risk_ends_with_0_and_a_refusal_with_2_and_the_worst_stands_first(lora, base, capsys):
    lora.config["target_modules"] = ".*"
    code, out, _ = says(capsys, lora.save(), "--base", base)
    assert (code, "target-pattern" in out) == (0, True)
    lora.config["use_dora"] = True
    code, out, err = says(capsys, lora.save(), "--base", base)
    assert (code, out.splitlines()[0].endswith("1 refused, 1 risk")) == (2, True)
    assert out.index("dora") < out.index("target-pattern")
    assert "1 of its findings would be refused" in err


def test_json_says_for_each_finding_what_where_why_and_what_repairs_it(lora, base, capsys):
    lora.config["lora_alpha"] = "8"
    code, out, _ = says(capsys, lora.save(), "--base", base, "--json")
    told = json.loads(out)
    assert (code, told["is_refused"], told["scale"], told["modules"], told["repaired"]) == (2, True, 2.0, 3, [])
    (finding,) = told["findings"]
    assert finding == {
        "rule": "alpha",
        "severity": "refused",
        "subject": "lora_alpha",
        "subjects": ["lora_alpha"],
        "value": "'8'; a number above 0 was expected",
        "why": RULES["alpha"].why,
        "repair": RULES["alpha"].repair,
    }


@pytest.mark.parametrize("content", ["{", "{}", '{"r": null, "lora_alpha": NaN, "target_modules": 1}', '{"r": 1e400}'])
def test_json_stays_json_whatever_the_config_holds(lora, base, capsys, content):
    (lora.save() / "adapter_config.json").write_text(content)
    code, out, _ = says(capsys, lora.folder, "--base", base, "--json")
    told = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert (code, told["is_refused"]) == (2, True)


def test_a_repaired_copy_is_what_the_exit_code_speaks_of(lora, base, tmp_path, capsys):
    lora.config |= {"alpha_pattern": {"q_proj": 2}}
    code, out, _ = says(capsys, lora.save(), "--base", base, "--fix", tmp_path / "new")
    assert code == 0
    assert "repaired  alpha-pattern: alpha_pattern: fold the scale into lora_B" in out
    assert says(capsys, tmp_path / "new", "--base", base)[0] == 0
    lora.config["use_dora"] = True
    assert says(capsys, lora.save(), "--base", base, "--fix", tmp_path / "other")[0] == 2
    code, _, err = says(capsys, lora.folder, "--base", base, "--fix", tmp_path / "new")
    assert (code, "is there already" in err) == (2, True)


def test_a_base_or_an_adapter_that_is_not_there_ends_with_2(lora, base, tmp_path, capsys):
    code, _, err = says(capsys, lora.save(), "--base", tmp_path / "nowhere")
    assert (code, "nowhere" in err) == (2, True)
    code, _, err = says(capsys, tmp_path / "nothing", "--base", base)
    assert (code, "no such folder or zip" in err) == (2, True)


def test_a_python_without_vllm_is_named(lora, base, tmp_path, capsys):
    code, _, err = says(capsys, lora.save(), "--base", base, "--load", "--python", tmp_path / "python")
    assert (code, "--python" in err) == (2, True)


def test_the_docs_list_every_rule_as_it_is():
    lines = {line for line in DOCS.read_text().splitlines() if line.startswith("| ") and " | `" in line and "severity" not in line}
    wanted = {
        f"| {rule.severity} | `{name}` | {rule.why} | {rule.repair} | {'yes' if rule.is_fixed else ''} |" for name, rule in RULES.items()
    }
    assert lines == wanted
