"""`nemoflow doctor data`: whether a corpus teaches what is evaluated, under the model's own template and tokenizer."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from nemoflow.cli.cluster import CLUSTER, root_of
from nemoflow.cli.inspect import find_rows
from nemoflow.cli.options import ROOT
from nemoflow.errors import InputError
from nemoflow.models.folder import read_tokenizer
from nemoflow.records import Example
from nemoflow.store import open_store


@click.command()
@click.argument("corpus")
@click.option("--model", "folder", required=True, type=click.Path(path_type=Path), help="Folder of the model: its tokenizer and template.")
@click.option(
    "--length", type=click.IntRange(8), default=4096, show_default=True, help="Tokens over which training drops a row (max_length)."
)
@click.option(
    "--new-tokens", type=click.IntRange(1), default=7680, show_default=True, help="Tokens after which evaluation cuts a response."
)
@click.option("--outputs/--no-outputs", "learn_outputs", default=True, help="Whether what Python printed is learned too (learn_outputs).")
@ROOT
@CLUSTER
def data(corpus: str, folder: Path, length: int, new_tokens: int, learn_outputs: bool, root: str | None, cluster_file: Path | None) -> None:
    """Check CORPUS: RUN/NODE/OUTPUT, a file of JSON lines, a folder of them, or s3://...

    Each row's prefix against the one that evaluation sends, its box, its tokens there and back, its length; three rows are shown with what
    is learned of them. Ends with 2 where a row is wrong.
    """
    from nemoflow.training.data_check import check_rows

    tokenizer = read_tokenizer(folder, str(folder))
    rows, _ = find_rows(corpus, open_store(root_of(root, cluster_file)))
    looked = check_rows(tokenizer, _examples(rows(), corpus), length, learn_outputs, new_tokens)
    if not looked.rows:
        raise InputError(f"{corpus}: holds no rows")
    for line in looked.lines():
        click.echo(line)
    looked.need_right(corpus)
    if not looked.lengths:
        raise InputError(f"{corpus}: all {looked.too_long} rows are over --length ({length} tokens)")
    click.echo(f"{len(looked.lengths)} of {looked.rows} rows would be trained on as evaluation asks")


def _examples(rows: Iterable[Mapping[str, Any]], where: str) -> Iterator[Example]:
    for number, row in enumerate(rows, 1):
        try:
            yield Example.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            field, value = ".".join(map(str, first["loc"])), str(first.get("input"))[:60]
            raise InputError(
                f"{where}: row {number}: {field}: {value!r}: {first['msg']}; rows of a corpus, as mix writes them, are right"
            ) from None
