"""`nemoflow merge`: a base model and its adapter as one model folder."""

from pathlib import Path

import click

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("model", type=FOLDER)
@click.argument("adapter", type=FOLDER)
@click.argument("out", type=click.Path(path_type=Path))
def merge(model: Path, adapter: Path, out: Path) -> None:
    """Write MODEL with ADAPTER worked into its weights to OUT, a folder that is not there yet.

    \b
    nemoflow merge models/nano nemoflow-data/runs/demo/train/adapter merged
    """  # noqa: D301
    from nemoflow.flow.progress import progress_for
    from nemoflow.training.merge import merge as merge_into
    from nemoflow.training.merge import weights_size

    progress = progress_for()
    progress.start("merging (MiB)", weights_size(model) >> 20)
    told = written = 0

    def advanced(size: int) -> None:
        nonlocal told, written
        written += size
        progress.advance((written >> 20) - told)
        told = written >> 20

    merged = merge_into(model, adapter, out, advanced)
    progress.stop()
    click.echo(f"{out}: {merged.modules} of {merged.tensors} tensors merged, {merged.size:,} bytes")
