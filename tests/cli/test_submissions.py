import json

import pytest
from click.testing import CliRunner

from nemoflow.cli.submissions import submissions
from nemoflow.errors import ConfigError, InputError


@pytest.fixture
def nemoflow(tmp_path):
    def call(*words: object) -> str:
        done = CliRunner().invoke(submissions, [*map(str, words), "--root", str(tmp_path / "root")])
        if done.exception:
            raise done.exception
        return done.stdout

    return call


def zipped(folder, name: str, right: int) -> list[object]:
    """A zip in a folder of its own, and the report of its adapter."""
    (folder / name).mkdir()
    (folder / name / "submission.zip").write_bytes(name.encode())
    (folder / name / "report.json").write_text(json.dumps({"problems": 400, "right": right, "truncated": 0, "no_box": 0, "tokens": 1}))
    return [folder / name, "--report", folder / name, "--competition", "contest", "--poll-s", "0.1", "--settle-s", "0"]


def test_a_teams_way_from_two_zips_to_a_choice_with_both_scores_beside_each_other(kaggle, nemoflow, tmp_path):
    for name, right, score in (("one", 337, "0.828"), ("two", 350, "0.86")):
        kaggle.outcome = {"status": "COMPLETE", "publicScore": score}
        assert f"is complete, board {score}, local 0.8" in nemoflow("send", *zipped(tmp_path, name, right), "--confirm")
    assert "picked 1001 (local 0.8750, board 0.860)" in nemoflow("pick", "1001")
    kaggle.submissions[0]["privateScore"] = "0.811"
    assert nemoflow("refresh") == "1000: complete, board 0.828\ncontest: 2 submissions, 1 with news\n"
    shown = nemoflow("list", "--plot", tmp_path / "plot.svg")
    assert "0.8750 0.8390-0.9039    0.860        -  picked" in shown
    assert "0.8425 0.8036-0.8749    0.828    0.811" in shown
    assert "next board score less local: -0.015 (-0.069 to +0.039), 95 %, from 2 submissions" in shown
    assert (tmp_path / "plot.svg").read_text().count("<circle") == 2
    told = json.loads(nemoflow("list", "--json"))
    assert [entry["picked"] for entry in told["submissions"]] == [False, True]
    assert told["calibration"]["predicts_by"] == "offset"


def test_without_confirm_it_is_told_what_would_be_sent_and_nobody_is_asked(kaggle, nemoflow, tmp_path):
    with pytest.raises(ConfigError, match="nothing was sent to contest"):
        nemoflow("send", *zipped(tmp_path, "one", 1))
    assert kaggle.asked == []


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["send", "nowhere", "--competition", "contest"], InputError, "nowhere: no such file; a submission.zip"),
        (["list"], InputError, "ledgers of no competition; name one"),
        (["list", "--competition", "A b"], ConfigError, "small letters, digits and dashes"),
        (["pick", "7", "--competition", "contest"], InputError, "7: 0 submissions of the ledger"),
    ],
)
def test_what_is_wrong_is_named(nemoflow, words, error, said):
    with pytest.raises(error, match=said):
        nemoflow(*words)
