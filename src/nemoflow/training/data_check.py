"""Whether rows teach what is evaluated: the prefix that evaluation sends, a response that ends right after its box, no token lost.

`check_rows` looks at text and tokens of each row, `Looked.lines` says what it found, and shows for a few rows which tokens are learned.
What makes a row useless is `wrong`; what may be meant is a `look`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from nemoflow.answers.boxed import BOX, balanced, last_box
from nemoflow.errors import InputError
from nemoflow.prompts.chat import SUFFIX, THINK_CLOSE, THINK_OPEN
from nemoflow.prompts.render import render_completion, render_prefix
from nemoflow.prompts.tools import given
from nemoflow.records import Example
from nemoflow.training.examples import IGNORED, Row, encode

CONTEST_NEW_TOKENS = 7680
"""Tokens after which the contest cuts a response off."""
STRUCTURE = frozenset({"prefix", "response-start", "end-of-turn"})
"""Rules that no corpus may break: what they find is trained in another form than it is asked in."""
SHOWN, CHARS = 3, 400
SHOWN_FINDINGS = 3
_EMPTY_SYSTEM = "<|im_start|>system\n<|im_end|>\n"


@dataclass(frozen=True)
class Finding:
    """One rule that one row breaks."""

    row: int
    """From 1 on."""
    id: str
    rule: str
    value: str
    right: str
    is_wrong: bool = True

    def __str__(self) -> str:
        return f"row {self.row} ({self.id}): {self.rule}: {self.value}; {self.right} is right"


@dataclass
class Looked:
    """What was found out about a corpus."""

    rows: int = 0
    too_long: int = 0
    lengths: list[int] = field(default_factory=list)
    """Tokens of each row that is kept."""
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    """The first of each rule."""
    counts: Counter[str] = field(default_factory=Counter)
    """How many rows break each rule."""
    prefix: str = ""
    """What stands before the first row's message, and behind it."""
    masks: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[Finding]:
        """The first finding of each rule that makes rows useless."""
        return [found[0] for found in self.findings.values() if found[0].is_wrong]

    def need_structure(self, where: str) -> None:
        """InputError with the first finding that no corpus may have."""
        for finding in self.wrong:
            if finding.rule in STRUCTURE:
                raise InputError(f"{where}: {finding}{self._more(finding.rule)}")

    def need_right(self, where: str) -> None:
        """InputError with the first finding of each rule that makes rows useless."""
        if self.wrong:
            raise InputError(f"{where}: " + "; ".join(f"{finding}{self._more(finding.rule)}" for finding in self.wrong))

    def lines(self) -> Iterator[str]:
        """For a reader."""
        yield f"{self.rows} rows checked; a prompt is rendered as {self.prefix}"
        if self.lengths:
            ordered = sorted(self.lengths)
            yield f"tokens a row, of {len(ordered)} rows: {ordered[0]} to {ordered[-1]}, half of them at most {ordered[len(ordered) // 2]}"
        if self.too_long:
            yield f"{self.too_long} of {len(self.lengths) + self.too_long} rows are over the limit and dropped whole"
        for rule, found in self.findings.items():
            mark = "wrong" if found[0].is_wrong else "look"
            for finding in found:
                yield f"{mark}: {finding}"
            if self.counts[rule] > len(found):
                yield f"{mark}: {rule} in {self.counts[rule]} rows in all"
        for mask in self.masks:
            yield from mask.splitlines()

    def add(self, finding: Finding) -> None:
        """Count it, and keep it if it is one of the first of its rule."""
        self.counts[finding.rule] += 1
        found = self.findings.setdefault(finding.rule, [])
        if len(found) < SHOWN_FINDINGS:
            found.append(finding)

    def _more(self, rule: str) -> str:
        return f" ({self.counts[rule]} rows in all)" if self.counts[rule] > 1 else ""


def check_rows(
    tokenizer: Any,
    examples: Iterable[Example],
    max_length: int,
    learn_outputs: bool = True,
    new_tokens: int = CONTEST_NEW_TOKENS,
    tokenised: int | None = None,
) -> Looked:
    """Look at every row; `max_length` in tokens is where training drops a row, `new_tokens` where evaluation cuts a response.

    With `tokenised`, only the tokens of so many rows are looked at, and the text of all.
    """
    if not tokenizer.chat_template:
        raise InputError(f"{tokenizer.name_or_path}: has no chat template; the chat model is right, not the one that was only pretrained")
    _need_turns(tokenizer)
    looked = Looked()
    for number, example in enumerate(examples, 1):
        looked.rows = number
        if tokenised is not None and number > tokenised:
            for finding in text_findings(number, example):
                looked.add(finding)
            continue
        row = _check(looked, tokenizer, number, example, learn_outputs)
        if row is None:
            continue
        if len(row) > max_length:
            looked.too_long += 1
            continue
        looked.lengths.append(len(row))
        if len(row.completion) > new_tokens:
            says = f"{len(row.completion)} tokens to write, evaluation stops after {new_tokens}"
            looked.add(Finding(number, example.id, "over-budget", says, "a shorter response", is_wrong=False))
        if len(looked.masks) < SHOWN:
            looked.masks.append(show_mask(tokenizer, row, f"row {number} ({example.id})"))
    return looked


def _need_turns(tokenizer: Any) -> None:
    """InputError where the tokenizer cannot end a turn, or its template cannot render one."""
    from jinja2 import TemplateError

    if tokenizer.eos_token is None:
        raise InputError(f"{tokenizer.name_or_path}: has no eos_token, which ends what is learned; tokenizer_config.json names it")
    try:
        tokenizer.apply_chat_template([{"role": "user", "content": "1"}], tokenize=False, add_generation_prompt=True, enable_thinking=True)
    except TemplateError as error:
        raise InputError(
            f"{tokenizer.name_or_path}: its chat template does not render a user's message: {error}; one of roles and contents is right"
        ) from None


def show_mask(tokenizer: Any, row: Row, name: str) -> str:
    """A row's tokens as text in stretches that are learned and that are not, as the labels have them."""
    lines = [name]
    for is_learned, stretch in groupby(zip(row.input_ids, row.labels, strict=True), lambda pair: pair[1] != IGNORED):
        ids = [token for token, _ in stretch]
        lines.append(f"  {'learned' if is_learned else 'given  '} {len(ids):>6} tokens  {_short(_decode(tokenizer, ids))}")
    return "\n".join(lines)


def text_findings(number: int, example: Example) -> Iterator[Finding]:
    """Rules of the text alone: one thought, a box behind it, nothing behind the box."""

    def finding(rule: str, value: str, right: str, is_wrong: bool = True) -> Finding:
        return Finding(number, example.id, rule, value, right, is_wrong)

    response = example.response
    if not response.startswith(THINK_OPEN):
        yield finding("response-start", f"begins with {response[:20]!r}", repr(THINK_OPEN))
    if response.count(THINK_CLOSE) != 1:
        yield finding("think", f"holds {response.count(THINK_CLOSE)} times {THINK_CLOSE}", "once, between thinking and answer")
    if response.removeprefix(THINK_OPEN).lstrip().startswith(THINK_OPEN.strip()):
        yield finding("think", f"begins with {response[:20]!r}", "<think> once, at the beginning")
    box = response.rfind(BOX)
    if box < 0:
        yield finding("no-box", f"ends with {response[-30:]!r}", "an answer in \\boxed{} at its end")
    elif box < response.rfind(THINK_CLOSE):
        yield finding("no-box", f"its last box is within the thinking, and it ends with {response[-30:]!r}", "a box behind </think>")
    elif not response.endswith("}"):
        tail = response[max(response.rfind("}"), box + len(BOX) - 1) + 1 :]
        yield finding("after-box", f"{tail[:40]!r} behind the box", "a response that ends right after the box")
    elif not response[box + len(BOX) : -1].strip():
        yield finding("empty-box", f"ends with {response[-30:]!r}", "an answer in the last box")
    elif balanced(response[box:]) not in (None, last_box(response)):
        says = f"the metric reads {str(last_box(response))[:60]!r}, braces would close at {str(balanced(response[box:]))[:40]!r}"
        yield finding("box-braces", says, "a response that ends right after the box", is_wrong=False)
    if SUFFIX not in example.prompt:
        yield finding(
            "suffix", f"the message ends with {example.prompt[-40:]!r}", "the contest's instruction behind the puzzle", is_wrong=False
        )


def _check(looked: Looked, tokenizer: Any, number: int, example: Example, learn_outputs: bool) -> Row | None:
    found = list(text_findings(number, example))
    row = None
    if not any(finding.rule == "response-start" for finding in found):
        row = encode(tokenizer, example.prompt, example.response, learn_outputs)
        found += _token_findings(tokenizer, number, example, row, learn_outputs)
    for finding in found:
        looked.add(finding)
    if number == 1:
        looked.prefix = _told_prefix(render_prefix(tokenizer, example.prompt), example.prompt)
    return row


def _token_findings(tokenizer: Any, number: int, example: Example, row: Row, learn_outputs: bool) -> Iterator[Finding]:
    """Rules of the tokens: what is trained after is what evaluation sends, and all of it comes back as the text that it was."""
    turns = [{"role": "user", "content": example.prompt}]
    asked = tokenizer.apply_chat_template(turns, tokenize=True, add_generation_prompt=True, enable_thinking=True, return_dict=False)
    if list(asked) != row.prompt:
        differs = _differs(tokenizer, row.prompt, asked)
        says = f"training puts {len(row.prompt)} tokens before the response, the template {len(asked)}; {differs}"
        yield Finding(number, example.id, "prefix", says, "the same tokens")
    text = render_prefix(tokenizer, example.prompt)
    sent = tokenizer(text)["input_ids"]
    if list(sent) != row.prompt:
        says = f"an engine that is given text sends {len(sent)} tokens for {len(row.prompt)}; {_differs(tokenizer, row.prompt, sent)}"
        yield Finding(number, example.id, "text-prefix", says, "a tokenizer that adds no token of its own", is_wrong=False)
    completion = render_completion(example.response, tokenizer.eos_token)
    if row.completion[-1:] != [tokenizer.eos_token_id] or row.completion.count(tokenizer.eos_token_id) != 1:
        count = row.completion.count(tokenizer.eos_token_id)
        says = f"{tokenizer.eos_token} occurs {count} times in what is learned"
        yield Finding(number, example.id, "end-of-turn", says, "once, at the end")
    marks = sorted({mark for mark in tokenizer.all_special_tokens if mark in example.prompt})
    if marks:
        says = f"the message holds {', '.join(marks)}, which the template writes around it"
        yield Finding(number, example.id, "marks", says, "the message alone", is_wrong=False)
    if not (given(completion) and not learn_outputs):
        yield from _round_trip(tokenizer, number, example, text + completion, row)


def _round_trip(tokenizer: Any, number: int, example: Example, text: str, row: Row) -> Iterator[Finding]:
    back = _decode(tokenizer, row.input_ids)
    if back != text:
        at = next((place for place, (one, other) in enumerate(zip(back, text, strict=False)) if one != other), min(len(back), len(text)))
        says = f"tokens read back as {back[max(0, at - 10) : at + 20]!r} for {text[max(0, at - 10) : at + 20]!r}"
        yield Finding(number, example.id, "round-trip", says, "text of characters that the tokenizer knows")


def _differs(tokenizer: Any, trained: list[int], sent: list[int]) -> str:
    at = next((place for place, (one, other) in enumerate(zip(trained, sent, strict=False)) if one != other), min(len(trained), len(sent)))
    return f"from token {at} on {_decode(tokenizer, trained[at : at + 5])!r} and {_decode(tokenizer, sent[at : at + 5])!r}"


def _told_prefix(text: str, message: str) -> str:
    head, found, tail = text.partition(message)
    if not found:
        return f"{_short(text)}: the template changes the message"
    system = "an empty system block" if head.startswith(_EMPTY_SYSTEM) else "no empty system block"
    return f"{head!r} + message + {tail!r} ({system})"


def _decode(tokenizer: Any, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _short(text: str) -> str:
    shown = text if len(text) <= CHARS else f"{text[: CHARS // 2]} ... {text[-CHARS // 2 :]}"
    return repr(shown)
