"""`nemoflow fetch`: a public set from the Hugging Face hub, as problems in a file."""

from pathlib import Path

import click

from nemoflow.store import open_store, write_rows


@click.command()
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE.jsonl", help="Problems, with licence and revision.")
@click.option("--repo", default="", metavar="OWNER/NAME", help="Another set of the same layout.")
@click.option("--config", default=None, help="Its configuration, where it has several.")
@click.option("--split", default="", help="Its split; default: the source's.")
@click.option("--revision", default="", help="Commit, tag or branch; default: the newest.")
@click.option("--limit", type=click.IntRange(1), default=None, help="Most rows.")
def fetch(source: str, out: Path, repo: str, config: str | None, split: str, revision: str, limit: int | None) -> None:
    """Fetch SOURCE (such as gsm8k) from the hub into a file that `load-problems` reads.

    \b
    nemoflow fetch gsm8k --out gsm8k.jsonl
    nemoflow fetch hmmt --repo MathArena/hmmt_feb_2026 --out hmmt.jsonl
    """  # noqa: D301
    from nemoflow.problems.hub import fetch as fetch_problems

    found = fetch_problems(source, repo, config, split, revision, limit)
    info = write_rows(open_store(str(out.resolve().parent)), out.name, found.problems)
    licences = sorted({str(problem.meta.get("licence") or "unknown") for problem in found.problems})
    click.echo(f"{out}: {info.rows} problems of {found.repo} at {found.revision}; licence {', '.join(licences)}")
