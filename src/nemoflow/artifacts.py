"""Kinds of artifact: what an output holds and which row type its lines parse as.

A kind is a value. Wiring an output of one kind to an input of another fails when the pipeline is built.
"""

from dataclasses import dataclass

from nemoflow.records import Duplicate, Example, Problem, Record, Sketch, Trace


@dataclass(frozen=True)
class Kind:
    """A type of artifact: `rows` is the record of its JSONL lines, None where it is a folder of files."""

    name: str
    rows: type[Record] | None = None

    def __str__(self) -> str:
        return self.name


Problems = Kind("Problems", Problem)
Traces = Kind("Traces", Trace)
Corpus = Kind("Corpus", Example)
Sketches = Kind("Sketches", Sketch)
"""What dedup compares: a digest, a signature, an embedding a row."""
Duplicates = Kind("Duplicates", Duplicate)
"""Rows that another makes superfluous, by key."""
Model = Kind("Model")
"""A base model: `config.json`, safetensors, tokenizer, chat template."""
Adapter = Kind("Adapter")
"""LoRA weights and config as PEFT writes them, and the training log."""
Report = Kind("Report")
"""An evaluation's outcome (`report.json`) or a page (`index.html`)."""
Submission = Kind("Submission")
"""`submission.zip` and its receipt."""
Notebooks = Kind("Notebooks")
"""A folder for each notebook, with what Kaggle's client needs to push it."""
Cards = Kind("Cards")
"""Model card, dataset card and write-up."""
Receipt = Kind("Receipt")
"""`receipt.json`: what an outside service took, and what it said of it."""
Endpoint = Kind("Endpoint")
"""`endpoint.json`: URL, model and revision of a model that answers."""
Files = Kind("Files")
"""A file or folder that a user hands in, such as `train.csv`; its content is the identity."""
