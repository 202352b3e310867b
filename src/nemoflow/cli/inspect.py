"""`nemoflow inspect`: look at rows, wherever they lie."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from nemoflow.cli.cluster import CLUSTER, root_of
from nemoflow.cli.options import ROOT
from nemoflow.errors import InputError
from nemoflow.evaluation.rows import COUNTED, Seen, Survey, Wanted, quantile, survey_rows
from nemoflow.flow.artifact import ROW_SUFFIXES
from nemoflow.flow.manifest import Manifest
from nemoflow.flow.place import read_manifest
from nemoflow.store import Store, open_store, read_rows

Rows = Callable[[], Iterator[Mapping[str, Any]]]
MOST = 12
"""Values of a field that the terminal shows."""
BLOCKS = "▁▂▃▄▅▆▇█"


@click.command()
@click.argument("address")
@ROOT
@CLUSTER
@click.option("--sample", "-n", type=click.IntRange(0), default=3, show_default=True, help="Rows to read.")
@click.option("--seed", type=int, default=0, help="Another seed draws other rows.")
@click.option("--chars", type=click.IntRange(100), default=1200, show_default=True, help="Most characters of a text that are shown.")
@click.option("--reason", default=None, help="Only rows that were dropped for this reason.")
@click.option("--kind", default=None, help="Only rows of this category.")
@click.option("--verdict", default=None, help="Only rows with this verdict: right, wrong, unclear.")
@click.option("--source", default=None, help="Only rows of this source, such as teacher or public.")
@click.option("--mode", default=None, help="Only rows of this mode, such as low or high+python.")
@click.option("--contains", default="", metavar="TEXT", help="Only rows whose statement or response holds this.")
@click.option("--row", "row_id", default=None, metavar="ID", help="This row in full, and the rows that it was made from.")
@click.option("--against", default=None, metavar="ADDRESS", help="Compare with other rows.")
@click.option("--html", type=click.Path(path_type=Path), default=None, metavar="FILE.html", help="The same as a page with plots.")
def inspect(
    address: str,
    root: str | None,
    cluster_file: Path | None,
    sample: int,
    seed: int,
    chars: int,
    row_id: str | None,
    against: str | None,
    html: Path | None,
    contains: str,
    **told: str | None,
) -> None:
    """Look at the rows at ADDRESS: RUN/NODE/OUTPUT, a file of JSON lines, a folder of them, or s3://...

    \b
    nemoflow inspect demo/filter/rejected --reason too-short -n 5
    nemoflow inspect corpus.jsonl --against old_corpus.jsonl --html compared.html
    nemoflow inspect demo/mix/corpus --row 5f0c...
    """  # noqa: D301
    store = open_store(root_of(root, cluster_file))
    rows, manifest = find_rows(address, store)
    if row_id is not None:
        _tell_row(row_id, rows, manifest, store, address)
        return
    wanted = Wanted({name: value for name, value in told.items() if value is not None}, contains)
    surveys = {_name(address): survey_rows(rows(), wanted, sample, seed)}
    if against is not None:
        name = _name(against) if _name(against) != _name(address) else f"{_name(against)} (against)"
        surveys[name] = survey_rows(find_rows(against, store)[0](), wanted, sample, seed)
    for name, survey in surveys.items():
        _require_rows(survey, name, wanted, find_rows(address, store)[0])
        _tell(name, survey, chars, len(surveys) > 1)
    if against is not None:
        _tell_overlap(surveys)
    if html is not None:
        from nemoflow.evaluation.rows_page import render

        open_store(str(html.resolve().parent)).write_bytes(html.name, render(surveys).encode("utf-8", "replace"))
        click.echo(f"{html}: written")


def find_rows(address: str, store: Store) -> tuple[Rows, Manifest | None]:
    """A reader of the rows at an address, and the manifest of the node that made them where one did."""
    path = Path(address)
    if "://" not in address and path.exists():
        return (lambda: _rows_of_path(path)), None
    if "://" in address and not address.startswith("run://"):
        parent, _, name = address.rstrip("/").rpartition("/")
        there = open_store(parent)
        keys = [entry.key for entry in there.list(name) if entry.key.endswith(ROW_SUFFIXES)]
        if not keys:
            raise InputError(f"{address}: holds no {' or '.join(f'*{suffix}' for suffix in ROW_SUFFIXES)}")
        return (lambda: (row for key in keys for row in read_rows(there, key))), None
    parts = address.removeprefix("run://").removeprefix("runs/").strip("/").split("/")
    manifest = read_manifest(store, parts[0], parts[1]) if len(parts) in (2, 3) else None
    if manifest is None:
        raise InputError(f"{address}: no such file, and no finished RUN/NODE/OUTPUT under {store.root}, such as demo/filter/kept")
    output = _output_of(address, parts, manifest)
    return (lambda: _rows_of_output(store, manifest, output)), manifest


def _output_of(address: str, parts: list[str], manifest: Manifest) -> str:
    with_rows = [name for name, output in manifest.outputs.items() if any(file.path.endswith(ROW_SUFFIXES) for file in output.files)]
    name = parts[2] if len(parts) == 3 else with_rows[0] if len(with_rows) == 1 else ""
    if name not in with_rows:
        raise InputError(f"{address}: which output? Those with rows: {', '.join(with_rows) or 'none'}")
    return name


def _rows_of_output(store: Store, manifest: Manifest, name: str) -> Iterator[Mapping[str, Any]]:
    output = manifest.outputs[name]
    for file in output.files:
        if file.path.endswith(ROW_SUFFIXES):
            yield from read_rows(store, f"{output.address}/{file.path}", digest=file.digest or None)


def _rows_of_path(path: Path) -> Iterator[Mapping[str, Any]]:
    from nemoflow.curate.files import read_objects

    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if file.name.endswith(ROW_SUFFIXES))
    if not files:
        raise InputError(f"{path}: holds no {' or '.join(f'*{suffix}' for suffix in ROW_SUFFIXES)}")
    for file in files:
        yield from read_objects(file)


def _name(address: str) -> str:
    return address.removeprefix("run://").rstrip("/")


def _require_rows(survey: Survey, name: str, wanted: Wanted, rows: Rows) -> None:
    """Who asks for a reason that there is not is told those that there are."""
    if survey.rows or not wanted.told:
        return
    there = survey_rows(rows(), Wanted(), 0, 0)
    field, value = next(iter(wanted.told.items()))
    known = ", ".join(sorted(value for value in there.counts[field] if value)) or "none"
    raise InputError(f"{name}: none of {there.rows:,} rows has {field} {value!r} and what else was asked for; {field}s there: {known}")


def _tell(name: str, survey: Survey, chars: int, is_compared: bool) -> None:
    lengths = survey.all_lengths
    over = f" ({survey.passed_over:,} others passed over)" if survey.passed_over else ""
    click.echo(f"{name}: {survey.rows:,} rows of {len(survey.statements):,} different statements{over}")
    if lengths:
        points = ", ".join(f"{label} {quantile(lengths, share):,}" for label, share in (("median", 0.5), ("95 %", 0.95), ("longest", 1)))
        click.echo(f"  characters  {_sparkline(lengths)}  {points}")
    for field in COUNTED:
        counts = survey.counts[field]
        if set(counts) - {""}:
            ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            said = ", ".join(f"{value or '(none)'} {count:,}" for value, count in ranked[:MOST])
            click.echo(f"  {field:<11} {said}{f', and {len(ranked) - MOST} more' if len(ranked) > MOST else ''}")
    if survey.reasons:
        _tell_reasons(survey)
    if not is_compared:
        for row in survey.sample:
            _tell_seen(row, chars)
    click.echo("")


def _tell_reasons(survey: Survey) -> None:
    """What each filter took, by kind."""
    kinds = [kind for kind, _ in survey.counts["kind"].most_common(6)]
    width = max(len(reason) for reason in survey.reasons)
    click.echo(f"  {'reason':<{width}} {'rows':>9}" + "".join(f" {(kind or '(none)')[:14]:>14}" for kind in kinds))
    for reason, counts in sorted(survey.reasons.items(), key=lambda item: (-item[1].total(), item[0])):
        click.echo(f"  {reason:<{width}} {counts.total():>9,}" + "".join(f" {counts[kind]:>14,}" for kind in kinds))


def _tell_overlap(surveys: Mapping[str, Survey]) -> None:
    (first, one), (second, two) = surveys.items()
    for what, left, right in (("statements", one.statements, two.statements), ("with responses", one.texts, two.texts)):
        both, lost, new = len(left & right), len(left - right), len(right - left)
        click.echo(f"{what:<15} in both {both:,}, only in {first} {lost:,}, only in {second} {new:,}")


def _tell_seen(row: Seen, chars: int) -> None:
    width = min(shutil.get_terminal_size().columns, 120)
    told = " · ".join(value for value in (row.id, *row.told.values()) if value)
    click.echo(f"\n── {told} {'─' * max(0, width - len(told) - 4)}")
    for text in (row.statement, row.response):
        if text:
            click.echo(_cut(text, chars) + "\n")
    if row.gold:
        click.echo(f"gold: {row.gold}")


def _cut(text: str, chars: int) -> str:
    """Shortened in the middle, and without what would move a terminal's cursor."""
    clean = "".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in text)
    half = chars // 2
    return clean if len(clean) <= chars else f"{clean[:half]}\n[... {len(clean) - 2 * half:,} characters ...]\n{clean[-half:]}"


def _sparkline(ordered: list[int], columns: int = 24) -> str:
    top = max(ordered[-1], 1)
    heights = [0] * columns
    for length in ordered:
        heights[min(columns - 1, columns * length // top)] += 1
    most = max(heights)
    return "".join(BLOCKS[(len(BLOCKS) - 1) * height // most] if height else " " for height in heights)


def _tell_row(row_id: str, rows: Rows, manifest: Manifest | None, store: Store, address: str) -> None:
    """A row in full, then, node by node upstream, the rows that it came from: down to the request and the problem."""
    import orjson

    found = next((row for row in rows() if str(row.get("id", row.get("key", ""))) == row_id), None)
    if found is None:
        raise InputError(f"{address}: no row has the id {row_id!r}; `nemoflow inspect {address}` shows some")
    click.echo(orjson.dumps(dict(found), option=orjson.OPT_INDENT_2).decode())
    if manifest is None:
        return
    meta = found["meta"] if isinstance(found.get("meta"), dict) else {}
    wanted = {str(value) for value in (found.get("id"), found.get("trace_id"), found.get("problem_id"), meta.get("parent")) if value}
    for upstream, name in _upstream(store, manifest, set()):
        for row in _rows_of_output(store, upstream, name):
            if str(row.get("id", "")) in wanted and "meta" in row:
                wanted |= {str(value) for value in (row.get("problem_id"), row["meta"].get("parent")) if value}
                told = " · ".join(value for value in seen_told(row) if value)
                click.echo(f"{upstream.run}/{upstream.node}/{name}  {upstream.step} v{upstream.version}  {row['id']}  {told}")


def seen_told(row: Mapping[str, Any]) -> list[str]:
    """What a line says of an upstream row: the request's model, sample, usage and verdict, or the problem's source and licence."""
    from nemoflow.evaluation.rows import seen

    looked = seen(row)
    usage = row["usage"] if isinstance(row.get("usage"), dict) else {}
    tokens = f"{usage.get('prompt_tokens', 0)}+{usage.get('completion_tokens', 0)} tokens" if any(usage.values()) else ""
    sample = f"sample {row['sample']}" if "sample" in row else f"gold {looked.gold}" if looked.gold else ""
    return [*(looked.told[name] for name in ("kind", "source", "model", "mode", "verdict", "reason", "licence")), sample, tokens]


def _upstream(store: Store, manifest: Manifest, told: set[str]) -> Iterator[tuple[Manifest, str]]:
    """Outputs with rows that a node was made from, the nearest first."""
    level = [manifest]
    while level:
        below: list[Manifest] = []
        for node in level:
            for record in node.inputs.values():
                run, _, rest = record.address.rpartition("/runs/")[2].partition("/")
                name, _, output = rest.partition("/")
                found = read_manifest(store, run, name) if run and name else None
                if found is None or f"{run}/{name}/{output}" in told:
                    continue
                told.add(f"{run}/{name}/{output}")
                if output in found.outputs:
                    yield found, output
                if f"{run}/{name}" not in told:
                    told.add(f"{run}/{name}")
                    below.append(found)
        level = below
