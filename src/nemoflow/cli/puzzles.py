"""`nemoflow puzzles`: make, solve, explain and serve the contest's kinds of puzzle.

A run waits for `serve`, so this module imports next to nothing: what a command needs is imported inside it.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

import click

from nemoflow.errors import ConfigError, InputError

if TYPE_CHECKING:
    from nemoflow.puzzles.tally import Tally
    from nemoflow.records import Problem

KINDS_HELP = "How many of a kind, such as numeral=100; may be repeated. Default: 10 of each."


@click.group()
def puzzles() -> None:
    """Make, solve, explain and serve the contest's kinds of puzzle."""


@puzzles.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="0 takes a free one and says which.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--error-rate", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of answers with a mistake.")
@click.option(
    "--seed", type=click.IntRange(0, 2**53), default=0, show_default=True, help="Decides which answers have a mistake, and which one."
)
def serve(port: int, host: str, error_rate: float, seed: int) -> None:
    """Answer puzzles by solver, as an OpenAI-compatible model server.

    \b
    nemoflow puzzles serve --port 8001 --error-rate 0.12 --seed 7
    curl http://127.0.0.1:8001/v1/models
    """  # noqa: D301
    from nemoflow.puzzles import teacher
    from nemoflow.puzzles.persona import Persona

    persona = Persona(error_rate, seed)
    teacher.serve(persona, host, port, lambda url: click.echo(f"{persona.model} answers at {url}"))


@puzzles.command()
@click.option("--kind", "kinds", multiple=True, metavar="NAME=COUNT", help=KINDS_HELP)
@click.option(
    "--side", type=click.Choice(["train", "eval"]), default="train", show_default=True, help="Side of the split by hidden parameters."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides which puzzles are drawn.")
@click.option("--out", type=click.Path(path_type=Path), default=None, metavar="FILE.jsonl", help="Default: standard output.")
def make(kinds: tuple[str, ...], side: Literal["train", "eval"], seed: int, out: Path | None) -> None:
    """Make puzzles: JSON lines, each with its gold answer and hidden parameters."""
    from nemoflow.puzzles.catalog import FAMILIES
    from nemoflow.puzzles.split import draw

    counts = dict(_count(text, FAMILIES) for text in kinds) or dict.fromkeys(FAMILIES, 10)
    with _writer(out) as stream:
        for kind, count in counts.items():
            for problem in islice(draw(FAMILIES[kind], side, seed), count):
                stream.write(problem.model_dump_json() + "\n")


@puzzles.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.csv|FILE.jsonl")
@click.option(
    "--out", type=click.Path(path_type=Path), default=None, metavar="FILE.jsonl", help="Rows {id, kind, answer, confidence, seconds}."
)
def solve(file: Path, out: Path | None) -> None:
    """Solve puzzles and count, for each kind, what was solved and what was right.

    A row is {id, prompt or statement, answer}; without the answer nothing can be right.
    """
    import json

    from nemoflow.puzzles.tally import solve_all, tallies

    findings = list(solve_all(_read(file)))
    if out is not None:
        with _writer(out) as stream:
            stream.writelines(json.dumps(finding.row, ensure_ascii=False) + "\n" for finding in findings)
    click.echo(_table(tallies(findings)))


@puzzles.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE")
@click.option("--id", "puzzle_id", default=None, metavar="ID", help="Which row, where FILE is a .csv or .jsonl file.")
def explain(file: Path, puzzle_id: str | None) -> None:
    """Show the solver's run on one puzzle: FILE holds its text, or is a .csv or .jsonl file with --id; `-` is standard input."""
    from nemoflow.puzzles.catalog import FAMILIES, family_of

    statement = _statement(file, puzzle_id)
    family = family_of(statement)
    if family is None:
        known = ", ".join(f"{family.name} ({family.marker!r})" for family in FAMILIES.values())
        raise InputError(f"{file}: no kind of puzzle is recognised in {statement[:80]!r}; kinds and the phrases that tell them: {known}")
    solution = family.solve(statement)
    if not solution.answer:
        raise InputError(f"{file}: {family.name}: {solution.rule}")
    others = f"; also possible: {', '.join(solution.alternatives)}" if solution.alternatives else ""
    click.echo(f"kind: {family.name}\nrule: {solution.rule} ({solution.confidence}{others})\n")
    click.echo(f"{family.explain(statement)}\n\nanswer: {solution.answer}")


def _count(text: str, known: Iterable[str]) -> tuple[str, int]:
    kind, _, count = text.partition("=")
    if kind not in known:
        raise ConfigError(f"--kind {text!r}: unknown kind {kind!r}; known kinds: {', '.join(known)}")
    if not count.isdigit() or int(count) < 1:
        raise ConfigError(f"--kind {text!r}: NAME=COUNT with a count of at least 1 is right, such as {kind}=100")
    return kind, int(count)


@contextmanager
def _writer(out: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears whole or not at all."""
    if out is None:
        yield sys.stdout
        return
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            yield stream
        part.replace(out)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"--out {out}: {error.strerror}; a file in a folder that can be written is right") from None
    finally:
        part.unlink(missing_ok=True)


def _read(file: Path) -> "list[Problem]":
    from nemoflow.problems.catalog import read

    suffixes = set(file.suffixes[-2:])
    if ".csv" in suffixes:
        return read("kaggle", file)
    if ".jsonl" in suffixes:
        return read("jsonl", file)
    raise InputError(f"{file}: a file named .csv (columns id, prompt, answer) or .jsonl is right; either may be .gz")


def _statement(file: Path, puzzle_id: str | None) -> str:
    if puzzle_id is not None:
        found = next((problem.statement for problem in _read(file) if problem.id == puzzle_id), None)
        if found is None:
            raise InputError(f"{file}: no row has the id {puzzle_id!r}")
        return found
    if {".csv", ".jsonl"} & set(file.suffixes):
        raise InputError(f"{file}: holds many puzzles; say which one with --id")
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: {error}; a text file with one puzzle is right") from None


def _table(lines: "list[Tally]") -> str:
    head = f"{'kind':<18}{'puzzles':>9}{'solved':>9}{'forced':>9}{'right':>9}{'accuracy':>10}{'ms each':>10}"
    return "\n".join([head, *map(_line, lines)])


def _line(tally: "Tally") -> str:
    count = len(tally.findings)
    right = str(tally.right) if tally.with_gold else "-"
    accuracy = f"{tally.right / tally.with_gold:.1%}" if tally.with_gold else "-"
    return f"{tally.kind:<18}{count:>9}{tally.solved:>9}{tally.forced:>9}{right:>9}{accuracy:>10}{1000 * tally.seconds / count:>10.2f}"
