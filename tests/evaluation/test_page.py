"""The page, as a browser would see it: parsed, and searched for what may not be in it."""

import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.made import HOSTILE, RECEIPT, evidence, in_modes, rejected

from nemoflow.evaluation.markup import LONGEST, duration, quote, text
from nemoflow.evaluation.page import accuracy_rows, render
from nemoflow.evaluation.report import Evidence, summary

VOID = {"meta", "br", "rect", "line", "path", "polyline", "circle"}


class Reader(HTMLParser):
    """Checks that tags nest, and collects tags, attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said += data


@pytest.fixture(scope="module")
def whole() -> Evidence:
    return evidence(
        log=[{"step": step, "loss": 2 / step, "learning_rate": 1e-3, "grad_norm": 1.0} for step in range(1, 40)],
        lengths={"numeral": [60, 70, 80], "unit": [120, 130]},
        rejects=[rejected("wrong"), rejected("no-box", HOSTILE)],
        receipt={**RECEIPT, "warnings": ["1 of 14 modules are dead"]},
    )


def test_tags_nest_and_nothing_is_fetched_or_run(whole):
    reader = Reader(render(whole))
    names = {tag for tag, _ in reader.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "base", "form"}
    for _, attributes in reader.tags:
        assert not {"src", "href", "onload", "onclick", "onerror"} & attributes.keys()
    assert "url(" not in render(whole)
    assert "@import" not in render(whole)


def test_what_a_model_wrote_is_never_markup(whole):
    page = render(whole)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#x27;x&#x27;)" in page
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", page)


def test_the_headline_says_both_accuracies_and_what_changed(whole):
    said = Reader(render(whole)).said
    assert "33.3 %" in said
    assert "83.3 %" in said
    assert "Of 12 held-out problems of 2 kinds, the base model solves 4 and the adapter 10: 8 fixed, 2 broken" in said


def test_every_part_is_there(whole):
    said = Reader(render(whole)).said
    for part in (
        "Accuracy per kind",
        "What taught it",
        "What was dropped, and why",
        "The run and its cost",
        "Answers to read",
        "The submission",
        "Lineage",
        "1 of 14 modules are dead",
        "4,000 read, 1,234 written",
        "ab" * 32,
        "runs/first/evaluate",
        "torch 2.13.0",
        "15.0 %",
        "3 min 20 s",
    ):
        assert part in said, part


def test_parts_without_content_are_left_out():
    said = Reader(render(evidence())).said
    assert "What taught it" not in said
    assert "The submission" not in said


def test_a_run_that_dropped_nothing_says_so():
    bare = evidence()
    said = Reader(render(Evidence(bare.settings, bare.base, bare.adapter, bare.pairs, steps=()))).said
    assert "Nothing was dropped." in said
    assert "Lineage" not in said


def test_one_kind_needs_no_row_for_all_of_them():
    assert "all kinds" not in Reader(render(evidence(("numeral",)))).said
    assert "all kinds" in Reader(render(evidence(("numeral", "unit")))).said


def test_a_kind_with_the_name_of_the_total_keeps_its_own_counts():
    """Of each kind 4 problems are fixed and 1 is broken; the total is 8 and 2."""
    named_alike = evidence(("all kinds", "all kinds together"))
    rows = accuracy_rows(named_alike)
    assert len({row.name for row in rows}) == 3
    assert [row.is_total for row in rows] == [False, False, True]
    changes = re.findall(r"<td class=number>(\d+)</td><td class=number>(\d+)</td></tr>", render(named_alike))
    assert changes[:3] == [("4", "1"), ("4", "1"), ("8", "2")]


def test_long_words_in_tables_break_in_a_narrow_window():
    narrow = files("nemoflow.evaluation").joinpath("page.css").read_text().partition("@media (max-width: 40rem) {")[2].partition("\n}")[0]
    assert "td:first-child, td code { white-space: normal; overflow-wrap: anywhere; }" in narrow


@settings(deadline=None)
@given(st.text())
def test_any_text_comes_back_as_it_was_but_for_characters_html_cannot_hold(content):
    kept = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]", "\ufffd", content)
    assert Reader(f"<pre>{text(content)}</pre>").said == kept


def test_a_long_response_is_cut_in_the_middle_and_says_by_how_much():
    shown = Reader(quote("x", "a" * LONGEST + "b" * 1000)).said
    assert "1,000 characters left out" in shown
    assert shown.endswith("b" * 1000)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (200, "3 min 20 s"), (3599.6, "1 h 0 min"), (7500, "2 h 5 min")]
)
def test_durations_read_well(seconds, said):
    assert duration(seconds) == said


def test_the_summary_holds_what_the_page_says(whole):
    short = summary(whole)
    assert (short["run"], short["base"]["right"], short["adapter"]["right"]) == ("demo", 4, 10)
    assert short["changes"] == {"fixed": 8, "broken": 2, "wrong": 0, "right": 2}
    assert short["tokens"] == {"prompt_tokens": 4000, "completion_tokens": 1234}
    assert short["steps"][1]["dropped"]["wrong"] == 3
    assert short["submission"]["rank"] == 32


def colours(scheme: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", scheme))


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_have_the_contrast_that_wcag_asks_for(scheme):
    """WCAG 2.2, 1.4.3: 4.5 for text; 1.4.11: 3 for parts of charts."""
    light, _, rest = files("nemoflow.evaluation").joinpath("page.css").read_text().partition("@media (prefers-color-scheme: dark)")
    found = colours(light) if scheme == "light" else {**colours(light), **colours(rest)}
    for ink in ("ink", "muted"):
        assert all(contrast(found[ink], found[ground]) >= 4.5 for ground in ("page", "card", "code", "plain-bg")), ink
    assert contrast(found["good"], found["good-bg"]) >= 4.5
    assert contrast(found["bad"], found["bad-bg"]) >= 4.5
    assert all(contrast(found[mark], found["card"]) >= 3 for mark in ("base", "adapter", "link"))


def test_modes_have_a_part_of_their_own_with_accuracy_fixes_tokens_and_runs_of_code():
    shown = in_modes(("high", "low+python"))
    reader = Reader(render(shown))
    assert "Of 12 attempts (each held-out problem in 2 modes) of 1 kind, the base model solves 0 and the adapter 10" in reader.said
    assert "by mathematical equality" in reader.said
    assert "McNemar" not in reader.said
    assert "Accuracy per mode" in reader.said
    assert re.search(r"low\+python\s*0 %\s*83\.3 %\s*5\s*0\s*\d+\s*100\s*12", reader.said)
    assert summary(shown)["adapter"]["modes"]["high"]["right"] == 5


def test_without_modes_nothing_is_said_of_them(whole):
    assert "per mode" not in Reader(render(whole)).said
    assert "modes" not in summary(whole)["adapter"]


def test_a_modes_name_is_no_markup():
    Reader(render(in_modes((HOSTILE, "low"))))
