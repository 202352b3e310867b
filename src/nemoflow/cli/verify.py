"""`nemoflow verify`: answers or responses against gold answers, by mathematics."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from nemoflow.errors import InputError, StoreError

if TYPE_CHECKING:
    from nemoflow.answers.batch import Limits, VerifyRow

COLUMNS = "each row is {id, gold, answer} or {id, gold, response}"


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.jsonl")
@click.option(
    "--out", type=click.Path(path_type=Path), default=None, metavar="FILE.jsonl", help="Rows {id, verdict, rule, seconds, extracted}."
)
@click.option("--rates", type=click.Path(path_type=Path), default=None, metavar="FILE.jsonl", help="Pass rates by problem_id and mode.")
@click.option("--processes", type=click.IntRange(0), default=0, show_default="all cores", help="How many work at once.")
@click.option("--timeout-s", type=click.FloatRange(0.1), default=5.0, show_default=True, help="CPU seconds for computer algebra on a pair.")
@click.option("--memory-mb", type=click.IntRange(256), default=1024, show_default=True, help="Memory for computer algebra.")
def verify(file: Path, out: Path | None, rates: Path | None, processes: int, timeout_s: float, memory_mb: int) -> None:
    """Say of each answer whether it is right, wrong or unclear, by which rule, and why.

    Rows are {id, gold, answer} or {id, gold, response}; of a response the answer is taken first. With --out a run that was stopped goes on
    where it ended.

    \b
    nemoflow verify responses.jsonl --out verified.jsonl
    """  # noqa: D301
    from nemoflow.answers.batch import Limits
    from nemoflow.flow.progress import progress_for

    for option, path in (("--out", out), ("--rates", rates)):
        if path is not None and path.resolve() == file.resolve():
            raise InputError(f"{option} {path}: is the file that is read; another name is right")
    progress = progress_for(sys.stderr)
    progress.start("verify", _count(file))
    verdicts: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    by_problem: dict[tuple[Any, Any], Counter[str]] = {}
    try:
        for row, found in _verified(file, out, Limits(timeout_s, memory_mb), processes):
            verdicts[found["verdict"]] += 1
            rules[found["rule"]] += 1
            if rates is not None:
                by_problem.setdefault((row.problem_id if row.problem_id is not None else row.id, row.mode), Counter())[
                    found["verdict"]
                ] += 1
            progress.advance()
    finally:
        progress.stop()
    if not verdicts:
        raise InputError(f"{file}: holds no rows, so there is nothing to verify; {COLUMNS}")
    if rates is not None:
        _write_rates(rates, by_problem)
    total = verdicts.total()
    click.echo("  ".join(f"{name} {verdicts[name]} ({verdicts[name] / total:.2%})" for name in ("right", "wrong", "unclear")))
    click.echo("by rule: " + ", ".join(f"{rule} {count}" for rule, count in rules.most_common()))


def _verified(file: Path, out: Path | None, limits: "Limits", processes: int) -> "Iterator[tuple[VerifyRow, dict[str, Any]]]":
    """Rows with what was found; what an earlier run left beside `out` comes first, then the rest is verified and kept there."""
    from nemoflow.answers.batch import verify_rows
    from nemoflow.answers.kept import Kept

    if out is None:
        yield from _paired(_read(file), lambda rows: verify_rows(rows, limits, processes))
        return
    try:
        with Kept(out, limits) as kept:
            rows = _read(file)
            yield from kept.again(rows)
            for row, found in _paired(kept.rest(rows), lambda rest: verify_rows(rest, limits, processes)):
                kept.add(row, found)
                yield row, found
            kept.publish()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"--out {out}: {error.strerror}; a file in a folder that can be written is right") from None
    except OSError as error:
        raise StoreError(f"--out {out}: {error.strerror}; what was verified so far is kept") from error


def _paired(rows: "Iterator[VerifyRow]", verify: Any) -> "Iterator[tuple[VerifyRow, dict[str, Any]]]":
    """Each row with what was found for it, though some are read ahead."""
    from collections import deque

    waiting: deque[VerifyRow] = deque()

    def seen() -> "Iterator[VerifyRow]":
        for row in rows:
            waiting.append(row)
            yield row

    with closing(verify(seen())) as found:
        for one in found:
            yield waiting.popleft(), one


def _read(file: Path) -> "Iterator[VerifyRow]":
    from nemoflow.answers.batch import VerifyRow
    from nemoflow.store import open_store, read_rows

    seen: dict[str | int, int] = {}
    for number, row in enumerate(read_rows(open_store(str(file.absolute().parent)), file.name, VerifyRow), 1):
        if row.id in seen:
            raise InputError(f"{file}: row {number}: id {row.id!r} is already that of row {seen[row.id]}; each row needs an id of its own")
        seen[row.id] = number
        yield row


def _count(file: Path) -> int | None:
    """Lines of a plain file, for the progress."""
    if file.suffix != ".jsonl" or not file.is_file():
        return None
    with file.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: _block(stream), b""))


def _block(stream: BinaryIO) -> bytes:
    return stream.read(1 << 20)


def _write_rates(path: Path, counts: dict[tuple[Any, Any], Counter[str]]) -> None:
    from nemoflow.store import open_store, write_rows

    rows = (
        {
            "problem_id": problem,
            "mode": mode,
            **{name: count[name] for name in ("right", "wrong", "unclear")},
            "pass_rate": count["right"] / count.total(),
        }
        for (problem, mode), count in counts.items()
    )
    write_rows(open_store(str(path.absolute().parent)), path.name, rows)
