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
    from nemoflow.puzzles.batch import Worked
    from nemoflow.puzzles.tally import Tally
    from nemoflow.records import Problem

KINDS_HELP = "How many of a kind, such as numeral=100; may be repeated. Default: 10 of each."
ROW = ("id", "kind", "answer", "confidence", "probability", "rule", "seconds")
LEARN_HELP = "Prompts that the solvers learn from, such as a cipher's vocabulary (never from answers); may be repeated."
STYLE_HELP = "How to explain, such as `worded`; kinds without that style take their usual one."

_learn_from = click.option(
    "--learn-from", "lessons", multiple=True, type=click.Path(path_type=Path), metavar="FILE.csv|FILE.jsonl", help=LEARN_HELP
)
_style = click.option("--style", default="", metavar="NAME", help=STYLE_HELP)
_processes = click.option("--processes", type=click.IntRange(0), default=0, help="How many work at once. Default: one a core.")


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
@click.option("--modes", is_flag=True, help="Heed efforts, write Python where it is run, and judge answers.")
@_style
@_learn_from
def serve(port: int, host: str, error_rate: float, seed: int, modes: bool, style: str, lessons: tuple[Path, ...]) -> None:
    """Answer puzzles by solver, as an OpenAI-compatible model server.

    A puzzle whose examples leave the answer open gets none: nothing is learned from a guess.

    \b
    nemoflow puzzles serve --port 8001 --error-rate 0.12 --seed 7
    curl http://127.0.0.1:8001/v1/models
    """  # noqa: D301
    from nemoflow.puzzles import teacher
    from nemoflow.puzzles.batch import learn
    from nemoflow.puzzles.persona import Persona, digest_of

    _require_style(style)
    read = [problem.statement for file in lessons for problem in _read(file)]
    learned = digest_of(read) if read else ""
    persona = Persona(error_rate, seed, style=style, known=learn(read), learned=learned, modes=modes)
    teacher.serve(persona, host, port, lambda url: click.echo(f"{persona.model} answers at {url}"))


@puzzles.command()
@click.option("--kind", "kinds", multiple=True, metavar="NAME=COUNT", help=KINDS_HELP)
@click.option(
    "--side", type=click.Choice(["train", "eval"]), default="train", show_default=True, help="Side of the split by hidden parameters."
)
@click.option(
    "--level",
    type=click.Choice(["easy", "contest", "hard"]),
    default="contest",
    show_default=True,
    help="As the contest draws them, easier (for a tiny student), or harder.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides which puzzles are drawn.")
@click.option("--out", type=click.Path(path_type=Path), default=None, metavar="FILE.jsonl", help="Default: standard output.")
def make(
    kinds: tuple[str, ...], side: Literal["train", "eval"], level: Literal["easy", "contest", "hard"], seed: int, out: Path | None
) -> None:
    """Make puzzles: JSON lines, each with its gold answer and hidden parameters."""
    from nemoflow.puzzles.catalog import FAMILIES
    from nemoflow.puzzles.split import draw

    counts = dict(_count(text, FAMILIES) for text in kinds) or dict.fromkeys(FAMILIES, 10)
    with _writer(out) as stream:
        for kind, count in counts.items():
            for problem in islice(draw(FAMILIES[kind], side, seed, level), count):
                stream.write(problem.model_dump_json() + "\n")


@puzzles.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.csv|FILE.jsonl")
@click.option("--out", type=click.Path(path_type=Path), default=None, metavar="FILE.jsonl", help=f"A row each: {', '.join(ROW)}.")
@click.option("--budget-s", type=click.FloatRange(0, min_open=True), default=2.0, show_default=True, help="Seconds of search for a puzzle.")
@_processes
@_learn_from
def solve(file: Path, out: Path | None, budget_s: float, processes: int, lessons: tuple[Path, ...]) -> None:
    """Solve puzzles, and count for each kind what was answered and what was right.

    A row is {id, prompt or statement, answer}; answers are only compared, never learned from. The solvers learn from the prompts of
    FILE itself, and from those of --learn-from.
    """
    import json

    from nemoflow.puzzles.tally import Finding, tallies

    problems = _read(file)
    worked = _work(problems, lessons, budget_s, None, processes)
    findings = [Finding(problem, one) for problem, one in zip(problems, worked, strict=True)]
    if out is not None:
        with _writer(out) as stream:
            stream.writelines(json.dumps(finding.row, ensure_ascii=False) + "\n" for finding in findings)
    click.echo(_table(tallies(findings)))


@puzzles.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE")
@click.option("--id", "puzzle_id", default=None, metavar="ID", help="Which row, where FILE is a .csv or .jsonl file.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE.jsonl",
    help="All rows of FILE whose answer is forced or likely: {id, kind, prompt, answer, confidence, trace}.",
)
@_style
@_processes
@_learn_from
def explain(file: Path, puzzle_id: str | None, out: Path | None, style: str, processes: int, lessons: tuple[Path, ...]) -> None:
    """Show the solver's run on one puzzle, or write those of many.

    FILE holds one puzzle's text (`-` is standard input), or is a .csv or .jsonl file with --id for one of them, --out for all.
    """
    _require_style(style)
    if out is not None:
        _write_traces(_read(file), out, style, processes, lessons)
        return
    problems = _read(file) if _is_table(file) else []
    statement = _statement(file, puzzle_id, problems)
    worked = _work_one(statement, [problem.statement for problem in problems], lessons, style)
    if not worked.solution.answer:
        raise InputError(f"{file}: {_why_not(worked, statement)}")
    solution = worked.solution
    others = f"; also possible: {', '.join(solution.alternatives)}" if solution.alternatives else ""
    click.echo(f"kind: {worked.kind}\nrule: {solution.rule} ({solution.confidence}, {solution.probability:.0%}{others})\n")
    click.echo(f"{worked.trace}\n\nanswer: {solution.answer}")


def _work(problems: "list[Problem]", lessons: tuple[Path, ...], budget_s: float, style: str | None, processes: int) -> "list[Worked]":
    """Learn from all prompts, then solve those of `problems`, with progress on standard error."""
    from nemoflow.flow.progress import progress_for
    from nemoflow.puzzles.batch import learn, work_all

    statements = [problem.statement for problem in problems]
    others = [problem.statement for lesson in lessons for problem in _read(lesson)]
    progress = progress_for(sys.stderr)
    try:
        progress.start("learning from prompts")
        known = learn(statements + others, processes)
        progress.start("solving", len(statements))
        return work_all(statements, known, budget_s, style, processes, progress.advance)
    finally:
        progress.stop()


def _work_one(statement: str, beside: list[str], lessons: tuple[Path, ...], style: str) -> "Worked":
    """Solve one puzzle with what it, its neighbours of the same kind and the lessons tell."""
    from nemoflow.puzzles.batch import learn, work
    from nemoflow.puzzles.catalog import family_of

    others = beside + [problem.statement for lesson in lessons for problem in _read(lesson)]
    family = family_of(statement)
    known = learn(other for other in others if family_of(other) is family) if others else {}
    return work(statement, known, style=style)


def _write_traces(problems: "list[Problem]", out: Path, style: str, processes: int, lessons: tuple[Path, ...]) -> None:
    import json
    from statistics import median

    from nemoflow.puzzles.family import BUDGET_S
    from nemoflow.puzzles.mistakes import TAUGHT

    worked = _work(problems, lessons, BUDGET_S, style, processes)
    taught = [(problem, one) for problem, one in zip(problems, worked, strict=True) if one.solution.confidence in TAUGHT and one.trace]
    with _writer(out) as stream:
        for problem, one in taught:
            found = {"answer": one.solution.answer, "confidence": one.solution.confidence, "trace": one.trace}
            stream.write(json.dumps({"id": problem.id, "kind": one.kind, "prompt": problem.statement, **found}, ensure_ascii=False) + "\n")
    click.echo(f"{'kind':<18}{'rows':>7}{'traces':>8}{'median bytes':>14}{'largest':>9}")
    for kind in sorted({one.kind for one in worked}):
        sizes = [len(one.trace.encode()) for _, one in taught if one.kind == kind] or [0]
        rows, traces = (sum(one.kind == kind for one in many) for many in (worked, [one for _, one in taught]))
        click.echo(f"{kind:<18}{rows:>7}{traces:>8}{median(sizes):>14.0f}{max(sizes):>9}")


def _why_not(worked: "Worked", statement: str) -> str:
    from nemoflow.puzzles.catalog import FAMILIES

    if worked.kind in FAMILIES:
        return f"{worked.kind}: {worked.solution.rule}"
    known = ", ".join(f"{family.name} ({family.marker!r})" for family in FAMILIES.values())
    return f"no kind of puzzle is recognised in {statement[:80]!r}; kinds and the phrases that tell them: {known}"


def _require_style(style: str) -> None:
    from nemoflow.puzzles.catalog import FAMILIES

    known = sorted({name for family in FAMILIES.values() for name in family.styles})
    if style and style not in known:
        raise ConfigError(f"--style {style!r}: no kind has it; styles: {', '.join(known)}")


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


def _is_table(file: Path) -> bool:
    return bool({".csv", ".jsonl"} & set(file.suffixes))


def _statement(file: Path, puzzle_id: str | None, problems: "list[Problem]") -> str:
    if puzzle_id is not None:
        found = next((problem.statement for problem in problems or _read(file) if problem.id == puzzle_id), None)
        if found is None:
            raise InputError(f"{file}: no row has the id {puzzle_id!r}")
        return found
    if _is_table(file):
        raise InputError(f"{file}: holds many puzzles; say which one with --id, or where to write all with --out")
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: {error}; a text file with one puzzle is right") from None


COLUMNS = (18, 7, 10, 7, 10, 12, 10, 8, 8, 7)
"""Widths of the table that `solve` shows: the first is the kind's, flush left."""


def _table(lines: "list[Tally]") -> str:
    head = ("kind", "rows", "answered", "right", "accuracy", "median", "worst", "forced", "likely", "guess")
    return "\n".join(map(_aligned, [head, *map(_cells, lines)]))


def _aligned(cells: tuple[str, ...]) -> str:
    return f"{cells[0]:<{COLUMNS[0]}}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells[1:], COLUMNS[1:], strict=True))


def _cells(tally: "Tally") -> tuple[str, ...]:
    right = str(tally.right) if tally.with_gold else "-"
    accuracy = f"{tally.right / tally.with_gold:.2%}" if tally.with_gold else "-"
    times = (f"{1000 * tally.median_s:.1f} ms", f"{1000 * tally.worst_s:.0f} ms")
    sure = (str(tally.count("forced")), str(tally.count("likely")), str(tally.count("guess")))
    return (tally.kind, str(len(tally.findings)), str(tally.answered), right, accuracy, *times, *sure)
