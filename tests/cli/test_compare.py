import json

import pytest
from tests.inference.fault_server import FaultServer
from tests.steps.alone import Alone, sums, write_endpoint, write_lines

from nemoflow.cli.main import main
from nemoflow.steps.evaluate import EVALUATE


@pytest.fixture
def root(tmp_path):
    """Two evaluations of one set at a server: a weak model and a better one."""
    inputs = {"problems": write_lines(tmp_path / "eval.jsonl", sums(8))}
    for run, right in (("weak", 2), ("better", 6)):
        golds = {row.statement: row.gold if index < right else "no" for index, row in enumerate(sums(8))}

        def answer(body, golds=golds):
            return f"<think>\n</think>\n\\boxed{{{golds[body['messages'][-1]['content'].splitlines()[0]]}}}"

        with FaultServer(answer=answer) as server:
            step = Alone(EVALUATE, {**inputs, "endpoint": write_endpoint(tmp_path / run, server.url, run)}, tmp_path / "root")
            step.run(run, engine="endpoint", max_new_tokens=16)
    return tmp_path / "root"


def test_finished_evaluations_are_compared_by_run_and_node_or_by_file(root, capsys, tmp_path):
    main(["compare", "weak/node", "better/node", "--root", str(root), "--html", str(tmp_path / "page.html")])
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].split()[:3] == ["weak/node", "endpoint", "as"]
    assert "+50.0" in shown[2]
    assert "+50.0" in (tmp_path / "page.html").read_text()
    rollouts = root / "runs/better/node/rollouts/part.jsonl"
    main(["compare", "weak/node", str(rollouts), "--root", str(root), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [row["right"] for row in found] == [2, 6]
    assert found[1]["gain"]["points"] == 50.0


@pytest.mark.parametrize("name", ["weak", "none/node", "weak/none", "weak/node/rollouts"])
def test_what_is_no_finished_evaluation_is_refused_by_name(root, capsys, name):
    with pytest.raises(SystemExit, match="2"):
        main(["compare", name, "--root", str(root)])
    assert f"{name}: no finished evaluation under {root}" in capsys.readouterr().err
