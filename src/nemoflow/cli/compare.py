"""`nemoflow compare`: evaluations of the same problems side by side."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from nemoflow.cli.options import DEFAULT_ROOT, ROOT
from nemoflow.errors import InputError

if TYPE_CHECKING:
    from nemoflow.evaluation.table import Evaluated


@click.command()
@click.argument("evaluations", nargs=-1, required=True, metavar="RUN/NODE|FILE.jsonl...")
@ROOT
@click.option("--html", type=click.Path(path_type=Path), default=None, metavar="FILE.html", help="Also write a page.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def compare(evaluations: tuple[str, ...], root: str | None, html: Path | None, as_json: bool) -> None:
    """Compare EVALUATIONS with the first of them: accuracy with its interval, paired difference, speed, tokens.

    \b
    nemoflow compare bf16/evaluate-adapter fp8/evaluate-adapter int4/evaluate-adapter --html engines.html
    """  # noqa: D301
    from nemoflow.evaluation.page_table import table_page, table_text
    from nemoflow.evaluation.table import compare_all

    rows = compare_all([_read(name, root or DEFAULT_ROOT) for name in evaluations])
    if html:
        html.write_text(table_page(rows), encoding="utf-8")
    click.echo(orjson.dumps([row.to_json() for row in rows], option=orjson.OPT_INDENT_2) if as_json else table_text(rows))


def _read(name: str, root: str) -> "Evaluated":
    from nemoflow.evaluation.table import Evaluated
    from nemoflow.flow.place import read_manifest
    from nemoflow.records import Trace
    from nemoflow.store import open_store, read_rows

    if name.endswith((".jsonl", ".jsonl.zst")):
        path = Path(name)
        return Evaluated(name, list(read_rows(open_store(str(path.absolute().parent)), path.name, Trace)))
    run, slash, node = name.removeprefix("run://").partition("/")
    store = open_store(root)
    manifest = read_manifest(store, run, node) if slash and run and node and "/" not in node else None
    if manifest is None or "rollouts" not in manifest.outputs:
        raise InputError(f"{name}: no finished evaluation under {store.root}; RUN/NODE such as demo/evaluate-adapter, or a file, is right")
    output = manifest.outputs["rollouts"]
    traces = [row for file in output.files for row in read_rows(store, f"{output.address}/{file.path}", Trace, digest=file.digest or None)]
    return Evaluated(name, traces, manifest.config, manifest.engines, manifest.metrics)
