"""`nemoflow score`: responses against gold answers, by the contest's metric or by symbolic equality."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from nemoflow.errors import InputError

if TYPE_CHECKING:
    from nemoflow.answers.scored import ScoreRow

COLUMNS = "each row is {id, response, gold}"


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.jsonl")
@click.option(
    "--metric", type=click.Choice(["competition", "symbolic"]), default="competition", show_default=True, help="Rule that compares answers."
)
@click.option("--revision", type=click.Choice(["b", "c"]), default="c", show_default=True, help="Revision of the contest's metric.")
@click.option("--out", type=click.Path(path_type=Path), default=None, metavar="FILE.jsonl", help="Rows {id, extracted, correct}.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes that compare symbols.")
@click.option("--timeout-s", type=click.FloatRange(0.1), default=5.0, show_default=True, help="CPU seconds for one symbolic comparison.")
def score(
    file: Path, metric: Literal["competition", "symbolic"], revision: Literal["b", "c"], out: Path | None, workers: int, timeout_s: float
) -> None:
    """Score rows {id, response, gold} and print the accuracy.

    \b
    nemoflow score responses.jsonl --metric competition --revision c --out scored.jsonl
    """  # noqa: D301
    from nemoflow.answers.verdicts import Attempt, open_verifier
    from nemoflow.store import RowWriter, open_store

    if out is not None and out.resolve() == file.resolve():
        raise InputError(f"--out {out}: is the file that is read; another name is right")
    counts: Counter[str] = Counter()
    pending: deque[str | int] = deque()

    def attempts() -> Iterator[Attempt]:
        for row in _read(file):
            pending.append(row.id)
            yield Attempt(gold=row.gold, response=row.response)

    with ExitStack() as stack:
        verdicts = stack.enter_context(open_verifier(metric, revision, workers, timeout_s))
        sink = stack.enter_context(RowWriter(open_store(str(out.absolute().parent)), out.name)) if out is not None else None
        for verdict in verdicts(attempts()):
            counts[verdict.verdict] += 1
            row_id = pending.popleft()
            if sink is not None:
                sink.add({"id": row_id, "extracted": verdict.extracted, "correct": verdict.verdict == "right"})
        if not counts:
            raise InputError(f"{file}: holds no rows, so there is nothing to score; {COLUMNS}")
    total = counts.total()
    unclear = f", {counts['unclear']} unclear" if counts["unclear"] else ""
    click.echo(f"accuracy {counts['right'] / total:.4f} ({counts['right']} of {total} right{unclear})")


def _read(file: Path) -> Iterator["ScoreRow"]:
    from nemoflow.answers.scored import ScoreRow
    from nemoflow.store import open_store, read_rows

    seen: dict[str | int, int] = {}
    for number, row in enumerate(read_rows(open_store(str(file.absolute().parent)), file.name, ScoreRow), 1):
        if row.id in seen:
            raise InputError(f"{file}: row {number}: id {row.id!r} is already that of row {seen[row.id]}; each row needs an id of its own")
        seen[row.id] = number
        yield row
