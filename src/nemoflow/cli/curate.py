"""`nemoflow filter`, `dedup`, `decontaminate`, `mix`: the steps of curation on plain files of JSON lines."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import orjson

from nemoflow.cli.config_options import built, options_of
from nemoflow.curate.decision import Decision, Tally, part
from nemoflow.curate.files import ROW, TraceFile, row_of
from nemoflow.errors import ConfigError, InputError
from nemoflow.flow.progress import progress_for
from nemoflow.records import Trace
from nemoflow.steps.decontaminate import DecontaminateConfig
from nemoflow.steps.dedup import DedupConfig
from nemoflow.steps.filter import FilterConfig
from nemoflow.steps.mix import MixConfig
from nemoflow.store import RowWriter, open_store

EVERY = 1000
IN = click.argument("file", type=click.Path(path_type=Path), metavar="IN.jsonl")
OUT = click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE.jsonl", help="What is kept, as it was read.")
REJECTED = click.option(
    "--rejected", type=click.Path(path_type=Path), default=None, metavar="FILE.jsonl", help="What is dropped, with `rejected`: the reason."
)
SKIP_BAD = click.option("--skip-bad", is_flag=True, help="Drop rows that cannot be read as traces (reason bad-row) and go on.")
ENCODER = click.option(
    "--encoder", type=click.Path(path_type=Path), default=None, metavar="DIR", help="A folder of sentence-transformers or model2vec."
)


@click.command("filter")
@IN
@OUT
@REJECTED
@SKIP_BAD
@options_of(FilterConfig, without=("augment",))
def filter_(file: Path, out: Path, rejected: Path | None, skip_bad: bool, **given: Any) -> None:
    """Drop the traces of a file that are not worth learning from, each with its reason.

    \b
    nemoflow filter traces.jsonl --out kept.jsonl --rejected dropped.jsonl --min-chars 100
    nemoflow filter own.jsonl --out kept.jsonl --no-require-think --pass-rates '{"low": [0, 0.8]}'
    """  # noqa: D301
    from nemoflow.curate.filters import capped, decide

    config = built(FilterConfig, "filter", given)
    traces = TraceFile(file, skip_bad=skip_bad)
    decisions = decide(_watched(traces, "filter"), config.checks_of(lambda: traces))
    if config.max_per_problem is not None:
        decisions = capped(decisions, traces, config.max_per_problem)
    _told(_parted(decisions, traces, out, rejected), out, rejected)


@click.command()
@IN
@OUT
@REJECTED
@SKIP_BAD
@ENCODER
@click.option("--reference", type=click.Path(path_type=Path), default=None, metavar="FILE.jsonl", help="What is like a row of it goes.")
@options_of(DedupConfig)
def dedup(file: Path, out: Path, rejected: Path | None, skip_bad: bool, encoder: Path | None, reference: Path | None, **given: Any) -> None:
    """Drop duplicates among the traces of a file; the best copy stays.

    \b
    nemoflow dedup kept.jsonl --out distinct.jsonl --near --threshold 0.8
    nemoflow dedup new.jsonl --out fresh.jsonl --reference old.jsonl --compare statement
    """  # noqa: D301
    from nemoflow.curate.dedup import survey

    config = built(DedupConfig, "dedup", given)
    if config.semantic and encoder is None:
        raise ConfigError("--semantic needs --encoder: a folder of sentence-transformers or model2vec")
    _require_apart(out, file, reference)
    traces = TraceFile(file, skip_bad=skip_bad)
    plan = survey(
        _watched(traces, "dedup"),
        config.compare,
        config.threshold if config.near else None,
        config.semantic_threshold if config.semantic else None,
        _encoder(encoder),
        TraceFile(reference) if reference is not None else (),
    )
    _told(_parted(plan.decide(traces), traces, out, rejected), out, rejected)


@click.command()
@IN
@OUT
@REJECTED
@SKIP_BAD
@ENCODER
@click.option("--eval", "evaluation", type=click.Path(path_type=Path), required=True, multiple=True, metavar="FILE", help="Evaluation set.")
@click.option("--eval-format", default="jsonl", show_default=True, help="Layout of the evaluation sets, as load-problems knows them.")
@click.option("--near-misses", type=click.Path(path_type=Path), default=None, metavar="FILE.json", help="What a person should look at.")
@options_of(DecontaminateConfig)
def decontaminate(
    file: Path,
    out: Path,
    rejected: Path | None,
    skip_bad: bool,
    encoder: Path | None,
    evaluation: tuple[Path, ...],
    eval_format: str,
    near_misses: Path | None,
    **given: Any,
) -> None:
    """Drop the traces of problems that occur in an evaluation set.

    \b
    nemoflow decontaminate kept.jsonl --out clean.jsonl --eval gsm8k_test.jsonl --eval-format gsm8k --near-misses look.json
    """  # noqa: D301
    from nemoflow.curate.decontaminate import EvalIndex, Meaning, survey
    from nemoflow.curate.statements import statement_of
    from nemoflow.steps.decontaminate import judged, refuse_many

    config = built(DecontaminateConfig, "decontaminate", given)
    _require_apart(out, file, *evaluation)
    traces = TraceFile(file, skip_bad=skip_bad)
    problems = [problem for path in evaluation for problem in _problems(path, eval_format)]
    statements = {trace.problem_id: statement_of(trace) for trace in _watched(traces, "statements")}
    index = EvalIndex(problems, statements.values(), config.words, config.boilerplate, config.near_words)
    known = _encoder(encoder)
    meaning = Meaning(known, index.statements, config.same, config.near) if known is not None else None
    found = judged(survey(_watched(traces, "decontaminate"), statements, index, meaning), config)
    refuse_many(found, config, str(file), ", ".join(map(str, evaluation)))
    tally = _parted(found.decide(traces), traces, out, rejected)
    if near_misses is not None:
        rows = [miss.as_json() for miss in found.near_misses]
        open_store(str(near_misses.resolve().parent)).write_bytes(near_misses.name, orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n")
    _told(tally, out, rejected)
    click.echo(
        f"{len(found.matches)} of {found.problems} problems match, {len(found.near_misses)} are near misses"
        + (f": {near_misses}" if near_misses else "; --near-misses FILE lists them")
    )


@click.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="IN.jsonl...")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE.jsonl", help="The corpus.")
@click.option("--card", type=click.Path(path_type=Path), default=None, metavar="FILE.json|FILE.md", help="What is in it, counted.")
@SKIP_BAD
@options_of(MixConfig)
def mix(files: tuple[Path, ...], out: Path, card: Path | None, skip_bad: bool, **given: Any) -> None:
    """Make a corpus of training examples from the traces of one file or more.

    \b
    nemoflow mix clean.jsonl public.jsonl --out corpus.jsonl --card card.md --weights '{"public": 0.5}' --max-rows 10000
    """  # noqa: D301
    from nemoflow.curate.card import Card, as_markdown
    from nemoflow.curate.mix import plan
    from nemoflow.steps.mix import told_of

    config = built(MixConfig, "mix", given)
    _require_apart(out, *files)
    sets = [TraceFile(path, skip_bad=skip_bad) for path in files]

    def traces() -> Iterator[Trace]:
        return (trace for file in sets for trace in file)

    mixture = plan(_watched(traces(), "mix"), config.recipe())
    if not mixture.order:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(mixture.reasons.items()))
        raise InputError(f"{', '.join(map(str, files))}: of {mixture.rows_in} traces none is left to learn from ({reasons})")
    counts = Card()
    store = open_store(str(out.resolve().parent))
    with RowWriter(store, out.name) as writer:
        for example in mixture.examples(traces, counts):
            writer.add(example)
    told = told_of(counts, mixture, config)
    if card is not None:
        raw = as_markdown(told).encode() if card.suffix == ".md" else orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n"
        open_store(str(card.resolve().parent)).write_bytes(card.name, raw)
    tally = Tally(len(mixture.order), mixture.reasons)
    tally.reasons.update(["bad-row"] * sum(len(file.bad) for file in sets))
    _told(tally, out, None)


def _problems(path: Path, layout: str) -> list[Any]:
    from nemoflow.problems.catalog import SOURCES, read

    if layout not in SOURCES:
        raise ConfigError(f"--eval-format {layout!r}: known formats: {', '.join(SOURCES)}")
    return read(layout, path)


def _encoder(folder: Path | None) -> Any:
    from nemoflow.curate.encoder import load_encoder

    return None if folder is None else load_encoder(folder, str(folder))


def _require_apart(out: Path, *inputs: Path | None) -> None:
    for path in inputs:
        if path is not None and path.resolve() == out.resolve():
            raise ConfigError(f"--out {out}: is also an input; another file is right")


def _watched(traces: Iterable[Trace], label: str) -> Iterator[Trace]:
    progress = progress_for(sys.stderr)
    progress.start(label)
    try:
        for count, trace in enumerate(traces, 1):
            if count % EVERY == 0:
                progress.advance(EVERY)
            yield trace
    finally:
        progress.stop()


def _parted(decisions: Iterable[Decision], traces: TraceFile, out: Path, rejected: Path | None) -> Tally:
    """Write both files, each whole or not at all."""
    _require_apart(out, traces.path, rejected)
    with ExitStack() as stack:
        kept = stack.enter_context(RowWriter(open_store(str(out.resolve().parent)), out.name))
        dropped = stack.enter_context(RowWriter(open_store(str(rejected.resolve().parent)), rejected.name)) if rejected else None
        tally = part(
            decisions,
            lambda trace: kept.add(row_of(trace)),
            lambda trace: dropped.add(_rejected_row(trace)) if dropped is not None else None,
        )
        for _, message, row in traces.bad:
            tally.reasons["bad-row"] += 1
            if dropped is not None:
                dropped.add({**row, "rejected": "bad-row", "why": message})
    return tally


def _rejected_row(trace: Trace) -> dict[str, Any]:
    told = {key: value for key, value in trace.meta.items() if key != ROW}
    row = row_of(trace)
    return {**row, **told} if ROW in trace.meta else dict(row)


def _told(tally: Tally, out: Path, rejected: Path | None) -> None:
    """A table of what went."""
    total = max(tally.total, 1)
    width = max([len(reason) for reason in tally.reasons] + [len("kept")])
    click.echo(f"{'kept':<{width}}  {tally.kept:>9,}  {100 * tally.kept / total:5.1f} %  {out}")
    for reason, count in sorted(tally.reasons.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"{reason:<{width}}  {count:>9,}  {100 * count / total:5.1f} %")
    if rejected is not None:
        click.echo(f"{'dropped':<{width}}  {tally.dropped:>9,}  {100 * tally.dropped / total:5.1f} %  {rejected}")
