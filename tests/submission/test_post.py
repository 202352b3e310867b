"""Submitting once: through Kaggle's own client, against a board over HTTP."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.submission.fake_kaggle import KEY

from nemoflow.errors import ClaimError, ConfigError, InputError, ServiceError, ServiceRefused, Stopped, SubmissionError
from nemoflow.flow.scratch import ledgers
from nemoflow.store import open_store
from nemoflow.submission.kaggle import KaggleBoard
from nemoflow.submission.ledger import Event, Ledger, LocalScore, now
from nemoflow.submission.post import Candidate, Rules, SentBefore, Surroundings, hash_file, learn, post, wait

QUICK = Rules(settle_s=0.0)
QUIET = Surroundings()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(ledgers(open_store(str(tmp_path / "root"))), "contest")


def candidate(folder: Path, content: bytes = b"adapter", **fields: object) -> Candidate:
    path = folder / "submission.zip"
    path.write_bytes(content)
    return Candidate(path, hash_file(path), fields.pop("files", {"adapter_config.json": content.hex()}), **fields)


def test_what_is_sent_stands_on_the_board_and_in_the_ledger_with_both_scores(kaggle, ledger, tmp_path):
    mine = candidate(tmp_path, message="rank 32", local=LocalScore(right=9, problems=10))
    entry = post(mine, KaggleBoard("contest"), ledger, QUICK, QUIET)
    assert (entry.status, kaggle.submissions[0]["description"]) == ("pending", f"rank 32 {mine.mark}")
    assert list(kaggle.uploads.values()) == [b"adapter"]
    scored = wait(entry, KaggleBoard("contest"), ledger, 5, 0.05, QUIET)
    assert (scored.status, scored.public, scored.local.accuracy) == ("complete", 0.86, 0.9)
    assert ledger.entries() == [scored]


def test_the_same_bytes_or_the_same_adapter_are_never_sent_twice(kaggle, ledger, tmp_path):
    board = KaggleBoard("contest")
    wait(post(candidate(tmp_path), board, ledger, QUICK, QUIET), board, ledger, 5, 0.05, QUIET)
    with pytest.raises(SentBefore, match=r"the same bytes were submitted .* as 1000 .complete, board 0.86."):
        post(candidate(tmp_path), board, ledger, QUICK, QUIET)
    with pytest.raises(SentBefore, match="the same adapter, in a zip of other bytes"):
        post(candidate(tmp_path, b"other zip", files={"adapter_config.json": b"adapter".hex()}), board, ledger, QUICK, QUIET)
    elsewhere = Ledger(ledgers(open_store(str(tmp_path / "elsewhere"))), "contest")
    with pytest.raises(SentBefore, match="from another root"):
        post(candidate(tmp_path), board, elsewhere, QUICK, QUIET)
    assert len(kaggle.submissions) == 1


def test_a_submission_whose_answer_was_lost_is_found_and_not_sent_again(kaggle, ledger, tmp_path):
    kaggle.dies_after_create = True
    with pytest.raises(ServiceError, match="did not answer"):
        post(candidate(tmp_path), KaggleBoard("contest"), ledger, QUICK, QUIET)
    assert [entry.status for entry in ledger.entries()] == ["in doubt"]
    kaggle.hides_new = 1
    said: list[str] = []
    entry = post(candidate(tmp_path), KaggleBoard("contest"), ledger, Rules(settle_s=30), Surroundings(said.append))
    assert (entry.ref, entry.status, len(kaggle.submissions)) == (1000, "pending", 1)
    assert "an earlier attempt had sent it: 1000" in said


def test_a_submission_that_never_got_through_is_sent_again(kaggle, ledger, tmp_path):
    mine = candidate(tmp_path)
    ledger.add(Event(kind="intent", at=now(), sha256=mine.sha256))
    entry = post(mine, KaggleBoard("contest"), ledger, QUICK, QUIET)
    assert (entry.status, len(kaggle.submissions)) == ("pending", 1)


def test_one_that_waits_for_its_score_is_waited_for_again_after_a_stop(kaggle, ledger, tmp_path):
    board = KaggleBoard("contest")
    entry = post(candidate(tmp_path), board, ledger, QUICK, QUIET)
    with pytest.raises(Stopped, match="the submission is noted"):
        wait(entry, board, ledger, 60, 30, Surroundings(stopping=lambda: True))
    again = post(candidate(tmp_path), board, ledger, QUICK, QUIET)
    assert (again.ref, len(kaggle.submissions)) == (entry.ref, 1)
    assert wait(again, board, ledger, 5, 0.05, QUIET).public == 0.86


def test_a_score_that_is_late_leaves_the_submission_pending_and_is_learned_later(kaggle, ledger, tmp_path):
    board, said = KaggleBoard("contest"), []
    kaggle.looks_until_scored = 100
    entry = wait(post(candidate(tmp_path), board, ledger, QUICK, QUIET), board, ledger, 0.1, 0.06, Surroundings(said.append))
    assert entry.status == "pending"
    assert "has no score after 0.1 s" in said[-1]
    kaggle.submissions[0].update(kaggle.outcome)
    assert learn(ledger, board)[0][0].public == 0.86


def test_the_days_limit_counts_all_that_the_team_sent_today_by_utc(kaggle, ledger, tmp_path):
    for index in range(4):
        kaggle.add(f"by hand {index}")
    kaggle.add("yesterday", days_ago=1)
    with pytest.raises(ServiceError, match=r"4 submissions of today .UTC. are made and no more are taken; the next day begins in"):
        post(candidate(tmp_path), KaggleBoard("contest"), ledger, Rules(per_day=4), QUIET)
    kaggle.per_day = 4
    with pytest.raises(ServiceError, match="no more are taken"):
        post(candidate(tmp_path), KaggleBoard("contest"), ledger, Rules(per_day=100), QUIET)
    kaggle.per_day = 5
    assert post(candidate(tmp_path), KaggleBoard("contest"), ledger, QUICK, QUIET).status == "pending"


def test_after_errors_in_a_row_nothing_is_sent_until_somebody_says_so(kaggle, ledger, tmp_path):
    kaggle.add("fine", days_ago=3, status="COMPLETE", publicScore="0.5")
    for days in (2, 1):
        kaggle.add("bad", days_ago=days, status="ERROR", errorDescription="Evaluation metric raised an unexpected error")
    with pytest.raises(SubmissionError, match=r"the last 2 submissions ended in an error .*unexpected error"):
        post(candidate(tmp_path), KaggleBoard("contest"), ledger, QUICK, QUIET)
    assert "upload" not in kaggle.asked
    assert post(candidate(tmp_path), KaggleBoard("contest"), ledger, Rules(max_errors=3), QUIET).status == "pending"


def test_two_at_once_send_once(kaggle, ledger, tmp_path):
    with ledger.hold(), pytest.raises(ClaimError, match="submissions-contest"):
        post(candidate(tmp_path), KaggleBoard("contest"), ledger, QUICK, QUIET)
    assert kaggle.submissions == []


@pytest.mark.parametrize(
    ("method", "status", "error", "words"),
    [
        ("ListSubmissions", 401, ServiceRefused, "is the key still valid"),
        ("ListSubmissions", 403, ServiceRefused, "accepted the competition's rules"),
        ("ListSubmissions", 404, ServiceRefused, "kaggle.com/competitions/NAME"),
        ("GetSubmissionLimits", 429, ServiceError, "429"),
        ("StartSubmissionUpload", 503, ServiceError, "503"),
        ("upload", 500, ServiceError, "500"),
        ("CreateSubmission", 400, ServiceRefused, "400"),
    ],
)
def test_what_the_server_says_no_to_is_told_and_leaves_a_ledger_that_can_go_on(kaggle, ledger, tmp_path, method, status, error, words):
    kaggle.fail[method] = [status]
    with pytest.raises(error, match=words) as raised:
        post(candidate(tmp_path), KaggleBoard("contest"), ledger, QUICK, QUIET)
    assert type(raised.value) is error
    assert KEY not in str(raised.value)
    assert post(candidate(tmp_path), KaggleBoard("contest"), ledger, QUICK, QUIET).status == "pending"
    assert len(kaggle.submissions) == 1


def test_without_a_key_nothing_is_asked(kaggle, monkeypatch, tmp_path):
    monkeypatch.setenv("KAGGLE_KEY", "")
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"no key for Kaggle: set KAGGLE_API_TOKEN, .* or put the kaggle\.json"):
        KaggleBoard("contest")
    (tmp_path / "kaggle.json").write_text('{"user": 1}')
    with pytest.raises(InputError, match=r"kaggle\.json: not what Kaggle gives"):
        KaggleBoard("contest")
    (tmp_path / "kaggle.json").write_text('{"username": "team", "key": "from-file"}')
    assert KaggleBoard("contest").listed() == []
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a-token")
    assert KaggleBoard("contest").left_today() == 5
    assert kaggle.credentials == {"team:from-file", "a-token"}


def test_long_lists_are_read_to_their_end(kaggle):
    refs = [kaggle.add(f"number {index}") for index in range(8)]
    assert [posted.ref for posted in KaggleBoard("contest").listed()] == refs[::-1]


def test_a_ledger_lies_in_a_folder_or_a_bucket_alike_and_picks_at_most_two_that_have_scores(store):
    ledger = Ledger(ledgers(store), "contest")
    for index in range(3):
        sha256 = f"{index}" * 64
        ledger.add(Event(kind="intent", at=now(), sha256=sha256))
        ledger.add(Event(kind="sent", at=now(), sha256=sha256, ref=10 + index))
        if index < 2:
            ledger.add(Event(kind="outcome", at=now(), sha256=sha256, ref=10 + index, status="complete", public=0.8))
    assert [entry.status for entry in ledger.entries()] == ["complete", "complete", "pending"]
    ledger.pick(["10"])
    ledger.pick(["11", "000000"])
    assert [entry.is_picked for entry in ledger.entries()] == [True, True, False]
    for wrong, words in ((["12"], "is pending"), (["99"], "0 submissions of the ledger"), ([], "0 picks")):
        with pytest.raises(InputError, match=words):
            ledger.pick(wrong)


def test_a_row_that_is_none_is_named(tmp_path):
    rows = tmp_path / "ledgers" / "submissions" / "contest"
    rows.mkdir(parents=True)
    (rows / "1.jsonl").write_text('{"v": 1, "kind": "lost", "at": ""}\n')
    with pytest.raises(InputError, match=r"ledger submissions/contest: row 1: kind: .* got 'lost'"):
        Ledger(ledgers(open_store(str(tmp_path))), "contest").entries()


def test_a_process_killed_between_sending_and_noting_loses_nothing_and_sends_nothing_twice(kaggle, ledger, tmp_path):
    """It is killed for good while the board holds back its answer to the submission."""
    mine = candidate(tmp_path)
    taken = threading.Event()
    answer = kaggle.answer

    def hold_back(method: str, body: dict) -> dict:
        said = answer(method, body)
        if method == "CreateSubmission":
            process.kill()
            process.wait()
            taken.set()
        return said

    kaggle.answer = hold_back
    command = ["submissions", "send", str(mine.path), "--competition", "contest", "--confirm", "--root", str(tmp_path / "root")]
    process = subprocess.Popen([sys.executable, "-m", "nemoflow.cli.main", *command])
    assert taken.wait(60)
    kaggle.answer = answer
    assert [entry.status for entry in ledger.entries()] == ["in doubt"]
    entry = post(mine, KaggleBoard("contest"), ledger, QUICK, QUIET)
    assert (entry.ref, len(kaggle.submissions)) == (1000, 1)
    assert datetime.now(UTC) - datetime.fromisoformat(entry.at) < timedelta(minutes=5)
