"""Model card, dataset card and a draft of the write-up, as the hub reads them; every figure is a manifest's.

What no manifest says is left out and listed at the end, so that nobody fills it in by guessing. What only people know stands in square
brackets, to be written by them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nemoflow.records import Example
from nemoflow.submission.figures import Figures


@dataclass(frozen=True)
class Words:
    """What no manifest says."""

    title: str
    base: str
    """The base model's name on the hub, OWNER/MODEL; empty where it is not known."""
    licence: str
    """Of the adapter, as the hub names licences; empty where nobody has said."""
    licence_name: str
    licence_link: str
    corpus_licence: str
    authors: str


def model_card(words: Words, known: Figures) -> str:
    """`README.md` of the adapter's repository."""
    front = {
        **({"base_model": words.base, "base_model_relation": "adapter"} if words.base else {}),
        **_licence(words.licence, words),
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["lora", "reasoning", "nemoflow"],
    }
    base = f"[{words.base}](https://huggingface.co/{words.base})" if words.base else "a base model that its training does not name"
    parts = [
        _front(front),
        f"# {words.title}",
        f"A LoRA adapter for {base}, trained on reasoning traces with checked answers{_then(known)}.{_by(words)}",
        *_section("Evaluation", known, "evaluation of the adapter", "evaluation of the base", "gate"),
        *_section("Training", known, "training", "reinforcement", "corpus"),
        *_section("The submission", known, "submission"),
        "## Use",
        _use(words.base),
        "## Limits",
        "Accuracies hold for the settings beside them, on problems of the kinds that were trained. Intervals are about the choice of "
        "problems; engines and batch sizes add to them.",
        *_ending(words.licence, "adapter", words, known),
    ]
    return _joined(parts)


def dataset_card(words: Words, known: Figures) -> str:
    """`README.md` of the corpus's repository."""
    front = {
        **_licence(words.corpus_licence, words),
        "task_categories": ["text-generation"],
        "tags": ["reasoning", "nemoflow"],
    }
    fields = "\n".join(f"- `{name}`" for name in Example.model_fields if name != "v")
    parts = [
        _front(front),
        f"# Corpus of {words.title}",
        f"Prompts and responses that an adapter was trained on: JSON lines, a row each.{_by(words)} A response is the reasoning in "
        "`<think>`, then the answer in a box, and nothing behind it.",
        "## Fields",
        fields,
        *_section("How it came about", known, "corpus"),
        *_ending(words.corpus_licence, "corpus", words, known),
    ]
    return _joined(parts)


def write_up(words: Words, known: Figures) -> str:
    """A draft for the contest's forum; what is in square brackets is for its authors to write."""
    parts = [
        f"# {words.title}",
        "[In two sentences: what was tried, and what came of it.]",
        *_section("Result", known, "evaluation of the adapter", "evaluation of the base", "gate"),
        "## Data",
        "[Where problems and traces come from.]",
        *_section("", known, "corpus"),
        "## Training",
        *_section("", known, "training", "reinforcement"),
        "## What did not help",
        "[What was tried and dropped, with its score.]",
        *_section("The submission", known, "submission"),
        *_ending(words.licence, "adapter", words, known),
    ]
    return _joined(parts)


def _front(values: Mapping[str, Any]) -> str:
    """YAML between dashes; JSON is YAML, so quoting needs no thought."""
    return "\n".join(["---", *(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()), "---"])


def _licence(licence: str, words: Words) -> dict[str, str]:
    if not licence:
        return {}
    more = {"license_name": words.licence_name, "license_link": words.licence_link} if licence == "other" else {}
    return {"license": licence, **{name: value for name, value in more.items() if value}}


def _section(title: str, known: Figures, *parts: str) -> list[str]:
    """A heading and a table; nothing where there are no figures."""
    rows = [f"| {part} | {_cell(one.label)} | {_cell(one.value)} | `{one.source}` |" for part in parts for one in known.of(part)]
    if not rows:
        return []
    table = "\n".join(["| | | | from |", "| --- | --- | --- | --- |", *rows])
    return [f"## {title}", table] if title else [table]


def _ending(licence: str, what: str, words: Words, known: Figures) -> list[str]:
    named = f"{words.licence_name or licence}" + (f", {words.licence_link}" if words.licence_link else "")
    said = f"Licence of the {what}: {named}." if licence else f"The licence of the {what} is not stated."
    base = f" The base model's own licence ({words.base}) holds beside it." if words.base and what == "adapter" else ""
    gone: Sequence[str] = known.left_out
    return ["## Licence", said + base, *([f"Figures left out: {'; '.join(gone)}."] if gone else [])]


def _use(base: str) -> str:
    name = json.dumps(base or "BASE")
    return "\n".join(
        [
            "```python",
            "from peft import PeftModel",
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            f"base = AutoModelForCausalLM.from_pretrained({name})",
            f"tokenizer = AutoTokenizer.from_pretrained({name})",
            'model = PeftModel.from_pretrained(base, "OWNER/ADAPTER")',
            "```",
        ]
    )


def _then(known: Figures) -> str:
    return ", then reinforced with a reward for right and well-formed ones" if known.of("reinforcement") else ""


def _by(words: Words) -> str:
    return f" By {words.authors}." if words.authors else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
