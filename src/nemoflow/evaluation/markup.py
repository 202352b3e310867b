"""The few pieces of HTML that the page is built from; every text passes `text`, so nothing that a model wrote is markup."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

LONGEST = 4000
"""Characters of a prompt or response that the page shows."""

NOTHING_FETCHED = "default-src 'none'; style-src 'unsafe-inline'"


def whole_page(title: str, body: str) -> str:
    """One HTML file that fetches nothing and runs nothing, for light and dark; `body` is markup."""
    style = files("nemoflow.evaluation").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{NOTHING_FETCHED}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{text(title)}</title><style>{style}</style></head><body><main>{body}</main></body></html>\n"
    )


def text(value: object) -> str:
    """Escaped, without characters that HTML or XML cannot hold."""
    return escape(_CONTROL.sub("\ufffd", str(value)))


def section(title: str, *parts: str, lead: str = "") -> str:
    """A part of the page under a heading; empty where it has no content."""
    content = "".join(parts)
    if not content:
        return ""
    name = re.sub(r"[^a-z]+", "-", title.lower()).strip("-")
    opening = f'<p class="lead">{lead}</p>' if lead else ""
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{text(title)}</h2>{opening}{content}</section>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = (), label: str) -> str:
    """A table that scrolls on its own where it is too wide; cells are markup, `numbers` are the columns set to the right."""
    right = set(numbers)

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(f"<{tag}{' class=number' if index in right else ''}>{cell}</{tag}>" for index, cell in enumerate(row))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(label)}"><table>'
        f"<thead><tr>{cells('th', [text(head) for head in heads])}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def figure(svg: str, caption: str) -> str:
    """A chart with what it shows."""
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"


def quote(title: str, content: str) -> str:
    """A titled block of someone else's text, shortened in the middle where it is long."""
    if len(content) > LONGEST:
        half = LONGEST // 2
        content = f"{content[:half]}\n[... {len(content) - LONGEST:,} characters left out ...]\n{content[-half:]}"
    return f"<h4>{title}</h4><pre>{text(content) or '<i>(nothing)</i>'}</pre>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of name and value; values are markup."""
    return "<dl>" + "".join(f"<div><dt>{text(name)}</dt><dd>{value}</dd></div>" for name, value in pairs) + "</dl>"


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds) // 60
    return f"{minutes} min {round(seconds) % 60} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
