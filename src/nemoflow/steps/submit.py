"""submit: send the checked zip to a Kaggle competition, wait for its score, and write that beside the local one.

An effect: it acts on the world, so no run reuses another's. The ledger under the root sees to it that the same adapter is never sent twice.
"""

from typing import Any

from pydantic import Field

from nemoflow.artifacts import Receipt, Report, Submission
from nemoflow.config import Config, tuning
from nemoflow.errors import ConfigError, InputError, SubmissionError
from nemoflow.evaluation.score import Tally
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.submission.ledger import Entry, Ledger, LocalScore
from nemoflow.submission.package import ARCHIVE
from nemoflow.submission.post import Candidate, Rules, SentBefore, Surroundings, hash_file, post, wait

COMPETITION = r"[a-z0-9][a-z0-9-]*"


class SubmitConfig(Config):
    """Where to, and how carefully."""

    competition: str = Field(pattern=f"^{COMPETITION}$")
    """Name of the competition, as in its address: kaggle.com/competitions/NAME."""
    confirm: bool = False
    """Nothing is sent without `confirm = true`: a submission cannot be taken back."""
    message: str = Field("", max_length=300)
    """What is written beside it on the board; a mark of its bytes is added."""
    per_day: int = tuning(5, ge=1)
    """Submissions a day (UTC) that the competition takes; those of the whole team count."""
    max_errors: int = tuning(2, ge=0)
    """After so many errors in a row nothing more is sent; 0 sends all the same."""
    wait_s: float = tuning(7200.0, ge=0)
    """Seconds to wait for the score; what comes later `nemoflow submissions refresh` fetches."""
    poll_s: float = tuning(60.0, gt=0)
    """Seconds between two looks."""
    settle_s: float = tuning(180.0, ge=0)
    """Seconds after which a submission that a killed attempt sent stands in the server's list, or never will."""


def run(config: SubmitConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Send, wait, write `receipt.json`; skipped, with the receipt of then, where this adapter was scored already."""
    from nemoflow.submission.kaggle import KaggleBoard

    if not config.confirm:
        raise ConfigError("submit.confirm: false; a submission cannot be taken back, so it is made only with confirm = true")
    board, ledger = KaggleBoard(config.competition), Ledger(context.ledgers, config.competition)
    candidate = _candidate(config, inputs)
    rules = Rules(config.per_day, config.max_errors, config.settle_s)
    around = Surroundings(context.progress.note, context.progress.advance, context.stopping)
    context.progress.start("submitting", candidate.path.stat().st_size)
    try:
        entry = post(candidate, board, ledger, rules, around)
    except SentBefore as before:
        if before.entry is not None:
            _write(before.entry, config, outputs)
        return Outcome(status="skipped", reason=str(before), metrics=_metrics(before.entry) if before.entry else {})
    entry = wait(entry, board, ledger, config.wait_s, config.poll_s, around)
    if entry.status == "error":
        raise SubmissionError(f"{config.competition}: submission {entry.ref} ended in an error: {entry.error or 'no reason given'}")
    _write(entry, config, outputs)
    return Outcome(metrics=_metrics(entry))


def _write(entry: Entry, config: SubmitConfig, outputs: Outputs) -> None:
    outputs["receipt"].write_json("receipt.json", {"v": 1, "competition": config.competition, **entry.to_json()})


def _candidate(config: SubmitConfig, inputs: Inputs) -> Candidate:
    submission = inputs["submission"]
    receipt, path = submission.json("receipt.json"), submission.folder() / ARCHIVE
    if not path.is_file():
        raise InputError(f"{submission.address}: holds no {ARCHIVE}; a folder as `package` makes it is right")
    found = hash_file(path)
    if receipt.get("sha256") != found:
        raise InputError(f"{submission.address}/{ARCHIVE}: sha256 {found}, but its receipt says {receipt.get('sha256')}; package it again")
    files = receipt.get("files")
    local = local_score(inputs["report"].json("report.json"), inputs["report"].address) if "report" in inputs else None
    return Candidate(path, found, files if isinstance(files, dict) else {}, config.message, local)


def local_score(report: dict[str, Any], where: str) -> LocalScore:
    """The counts of an evaluation's `report.json`."""
    tally = Tally.from_json(report, where)
    return LocalScore(right=tally.right, problems=tally.problems, samples=tally.samples)


def _metrics(entry: Entry) -> dict[str, int | float]:
    scores = {"public": entry.public, "private": entry.private, "local": entry.local.accuracy if entry.local else None}
    return {"ref": entry.ref, **{name: score for name, score in scores.items() if score is not None}}


SUBMIT = Step(
    name="submit",
    version=1,
    config=SubmitConfig,
    run=run,
    inputs={"submission": Submission, "report": Optional(Report)},
    outputs={"receipt": Receipt},
    effect=True,
)
