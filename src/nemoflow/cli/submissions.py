"""`nemoflow submissions`: the ledger of what was sent to a competition, and what the board said of it."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from nemoflow.cli.options import DEFAULT_ROOT, stop_on_signals
from nemoflow.errors import ConfigError, InputError
from nemoflow.flow.scratch import ledgers
from nemoflow.store import open_store

if TYPE_CHECKING:
    from nemoflow.evaluation.calibration import Calibration
    from nemoflow.submission.ledger import Entry, Ledger

ROOT: Callable[..., Any] = click.option(
    "--root", default=DEFAULT_ROOT, show_default=True, metavar="DIR|s3://...", help="Where results, and the ledger, lie."
)
COMPETITION: Callable[..., Any] = click.option(
    "--competition", default=None, metavar="NAME", help="As in kaggle.com/competitions/NAME; default: the only one of the ledger."
)
PREFIX = "ledgers/submissions/"


@click.group()
def submissions() -> None:
    """What was sent to a Kaggle competition, its local score and the board's, and how the two go together."""


@submissions.command("list")
@ROOT
@COMPETITION
@click.option(
    "--board-problems", type=click.IntRange(1), default=250, show_default=True, help="Rows of the hidden half that the board scores."
)
@click.option("--plot", type=click.Path(path_type=Path), default=None, metavar="FILE.svg", help="Draw local against board score.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def list_(root: str, competition: str | None, board_problems: int, plot: Path | None, as_json: bool) -> None:
    """Show the ledger, and what it says of local scores: how far the board's lie from them, and how sure that is."""
    from nemoflow.evaluation.calibration import calibrate
    from nemoflow.evaluation.calibration_chart import calibration_svg

    ledger = _ledger(root, competition)
    entries = ledger.entries()
    found = calibrate(_points(entries), board_problems)
    if plot is not None:
        plot.write_text(calibration_svg(found), encoding="utf-8")
    if as_json:
        told = {"competition": ledger.competition, "submissions": [entry.to_json() for entry in entries], "calibration": found.to_json()}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return
    _print(ledger.competition, entries, found)


@submissions.command()
@ROOT
@COMPETITION
def refresh(root: str, competition: str | None) -> None:
    """Ask the server what became of submissions, and write it into the ledger."""
    from nemoflow.submission.kaggle import KaggleBoard
    from nemoflow.submission.post import learn

    ledger = _ledger(root, competition)
    before = {entry.sha256: entry.to_json() for entry in ledger.entries()}
    with ledger.hold():
        entries, _ = learn(ledger, KaggleBoard(ledger.competition))
    changed = [entry for entry in entries if entry.to_json() != before.get(entry.sha256)]
    for entry in changed:
        click.echo(f"{entry.ref}: {entry.status}{_board(entry)}")
    click.echo(f"{ledger.competition}: {len(entries)} submissions, {len(changed)} with news")


@submissions.command()
@click.argument("refs", nargs=-1, required=True)
@ROOT
@COMPETITION
def pick(refs: tuple[str, ...], root: str, competition: str | None) -> None:
    """Note the one or two submissions that shall count in the end, by REF or the start of their hash.

    Kaggle takes the choice on its page only; the ledger keeps it for the team.
    """
    ledger = _ledger(root, competition)
    with ledger.hold():
        picked = ledger.pick(refs)
    names = " and ".join(f"{entry.ref} (local {_local(entry)}, board {_public(entry)})" for entry in picked)
    click.echo(f"picked {names}; now choose the same on kaggle.com/competitions/{ledger.competition}/submissions")


@submissions.command()
@click.argument("archive", type=click.Path(path_type=Path), metavar="ZIP|DIR")
@ROOT
@click.option("--competition", required=True, metavar="NAME", help="As in kaggle.com/competitions/NAME.")
@click.option("--report", type=click.Path(path_type=Path), default=None, help="The adapter's report.json: its local score.")
@click.option("--message", default="", help="What is written beside it on the board.")
@click.option("--confirm", is_flag=True, help="Send it. Without this, what would be sent is told.")
@click.option("--per-day", type=click.IntRange(1), default=5, show_default=True, help="Submissions a day (UTC) that the competition takes.")
@click.option("--max-errors", type=click.IntRange(0), default=2, show_default=True, help="Send nothing after so many errors in a row.")
@click.option("--wait-s", type=click.FloatRange(0), default=7200.0, show_default=True, help="Seconds to wait for the score.")
@click.option("--poll-s", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds between two looks.")
@click.option("--settle-s", type=click.FloatRange(0), default=180.0, show_default=True, help="Seconds until the server lists what it took.")
def send(
    archive: Path,
    root: str,
    competition: str,
    report: Path | None,
    message: str,
    confirm: bool,
    per_day: int,
    max_errors: int,
    wait_s: float,
    poll_s: float,
    settle_s: float,
) -> None:
    """Submit a zip, or the folder that the step `package` made, and wait for its score.

    \b
    nemoflow submissions send nemoflow-data/runs/first/package/submission --competition NAME \\
        --report nemoflow-data/runs/first/evaluate-adapter/report --confirm
    """  # noqa: D301
    from nemoflow.flow.progress import progress_for
    from nemoflow.submission.kaggle import KaggleBoard
    from nemoflow.submission.post import Rules, Surroundings, post, wait

    ledger = _ledger(root, competition)
    candidate = _candidate(archive, report, message)
    local = f", local {candidate.local.accuracy:.4f} of {candidate.local.problems}" if candidate.local else ""
    if not confirm:
        click.echo(f"would submit {candidate.path} ({candidate.path.stat().st_size} bytes, sha256 {candidate.sha256[:12]}{local})")
        raise ConfigError(f"nothing was sent to {competition}: a submission cannot be taken back, so it is made only with --confirm")
    board = KaggleBoard(competition)
    with stop_on_signals() as stopping:
        progress = progress_for(sys.stderr)
        progress.start("submitting", candidate.path.stat().st_size)
        around = Surroundings(progress.note, progress.advance, stopping)
        entry = post(candidate, board, ledger, Rules(per_day, max_errors, settle_s), around)
        click.echo(f"{competition}: {entry.ref} is {entry.status}{local}")
        entry = wait(entry, board, ledger, wait_s, poll_s, around)
    click.echo(f"{competition}: {entry.ref} is {entry.status}{_board(entry)}{local}")


def _candidate(archive: Path, report: Path | None, message: str) -> Any:
    from nemoflow.steps.submit import local_score
    from nemoflow.submission.package import ARCHIVE
    from nemoflow.submission.post import Candidate, hash_file

    path = archive / ARCHIVE if archive.is_dir() else archive
    if not path.is_file():
        raise InputError(f"{path}: no such file; a submission.zip, or the folder that `package` made, is right")
    receipt = path.with_name("receipt.json")
    files = _json(receipt).get("files") if receipt.is_file() else None
    score = None
    if report is not None:
        file = report / "report.json" if report.is_dir() else report
        score = local_score(_json(file), str(file))
    return Candidate(path, hash_file(path), files if isinstance(files, dict) else {}, message, score)


def _json(path: Path) -> dict[str, Any]:
    try:
        value = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds a JSON {type(value).__name__}; an object is right")
    return value


def _ledger(root: str, competition: str | None) -> "Ledger":
    from nemoflow.steps.submit import COMPETITION as NAME
    from nemoflow.submission.ledger import Ledger

    store = open_store(root)
    if competition is None:
        known = sorted({entry.key.removeprefix(PREFIX).partition("/")[0] for entry in store.list(PREFIX.rstrip("/"))})
        if len(known) != 1:
            raise InputError(f"{store.root}: ledgers of {', '.join(known) or 'no competition'}; name one with --competition")
        competition = known[0]
    if not re.fullmatch(NAME, competition):
        raise ConfigError(f"--competition {competition!r}: small letters, digits and dashes, as in kaggle.com/competitions/NAME, are right")
    return Ledger(ledgers(store), competition)


def _points(entries: "list[Entry]") -> list[Any]:
    from nemoflow.evaluation.calibration import Point

    return [
        Point(str(entry.ref), entry.local.right / entry.local.samples, entry.local.problems / entry.local.samples, entry.public)
        for entry in entries
        if entry.local is not None and entry.local.problems and entry.public is not None and entry.status == "complete"
    ]


def _print(competition: str, entries: "list[Entry]", found: "Calibration") -> None:
    from nemoflow.evaluation.score import wilson

    click.echo(f"{competition}: {len(entries)} submissions")
    click.echo(f"{'sent (UTC)':<16}  {'ref':>10}  {'zip':<12}  {'status':<9} {'local, 95 %':>24}  {'board':>7}  {'private':>7}  remarks")
    for entry in entries:
        local = "-"
        if entry.local is not None:
            low, high = wilson(entry.local.right / entry.local.samples, entry.local.problems / entry.local.samples)
            local = f"{entry.local.accuracy:.4f} {low:.4f}-{high:.4f}"
        remarks = "; ".join(part for part in ("picked" if entry.is_picked else "", entry.error, entry.message) if part)
        private = f"{entry.private:.3f}" if entry.private is not None else "-"
        click.echo(
            f"{entry.at[:16].replace('T', ' '):<16}  {entry.ref or '-':>10}  {entry.name:<12}  {entry.status:<9} {local:>24}  "
            f"{_public(entry):>7}  {private:>7}  {remarks}"
        )
    for line in found.lines():
        click.echo(line)


def _public(entry: "Entry") -> str:
    return f"{entry.public:.3f}" if entry.public is not None else "-"


def _local(entry: "Entry") -> str:
    return f"{entry.local.accuracy:.4f}" if entry.local else "not known"


def _board(entry: "Entry") -> str:
    return f", board {entry.public:g}" if entry.public is not None else f": {entry.error}" if entry.error else ""
