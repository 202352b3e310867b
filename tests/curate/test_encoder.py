"""Texts that mean the same by an encoder are found: among themselves, and against an evaluation set."""

import json

import numpy as np
import pytest
from tests.curate.traces import problem, trace
from tests.steps.alone import Alone, write_lines

from nemoflow.curate.encoder import load_encoder
from nemoflow.errors import ConfigError, InputError
from nemoflow.steps.cluster import CLUSTER
from nemoflow.steps.decontaminate import DECONTAMINATE
from nemoflow.steps.dedup import DEDUP
from nemoflow.steps.keep import KEEP_ROWS
from nemoflow.steps.sketch import SKETCH

MEANINGS = ["big large huge", "cat kitten", "sum total add", "apples pears", "house home", "river stream", "red green"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A static encoder in which the words of a line mean the same."""
    model2vec = pytest.importorskip("model2vec", reason="embeddings need the extra `curate`")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {word: meaning for meaning, line in enumerate(MEANINGS) for word in line.split()}
    vocabulary = {"[UNK]": 0} | {word: number for number, word in enumerate(words, 1)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    vectors = np.zeros((len(vocabulary), len(MEANINGS)), dtype=np.float32)
    for word, number in vocabulary.items():
        if word in words:
            vectors[number, words[word]] = 1
    folder = tmp_path_factory.mktemp("encoder")
    model2vec.StaticModel(vectors, tokenizer, normalize=True).save_pretrained(folder)
    return folder


def test_vectors_have_unit_length_and_do_not_depend_on_their_neighbours(encoder):
    loaded = load_encoder(encoder, "encoder")
    vectors = loaded.encode(["big cat", "huge kitten", "red river", "unknown"])
    assert np.linalg.norm(vectors, axis=1).round(5).tolist() == [1, 1, 1, 0]
    assert float(vectors[0] @ vectors[1]) == pytest.approx(1)
    assert np.array_equal(loaded.encode(["red river"])[0], vectors[2])


ASKED = ["big cat sum", "huge kitten total", "red river", "green stream house", "large cat add"]
ROWS = [trace(f"t{number}", number=number, statement=text) for number, text in enumerate(ASKED)]


def test_problems_that_mean_the_same_keep_the_traces_of_the_first_in_any_number_of_shards(tmp_path, encoder):
    config = {"compare": "statement", "semantic": True, "semantic_threshold": 0.95}
    traces, root = write_lines(tmp_path / "traces.jsonl", ROWS), tmp_path / "root"
    once = Alone(DEDUP, {"traces": traces, "encoder": encoder}, root)
    manifest = once.run(**config)
    assert [row.id for row in once.rows(manifest, "kept")] == ["t0", "t2", "t3"]
    assert {row.meta["duplicate_of"] for row in once.rows(manifest, "rejected")} == {"p0"}
    sketch = Alone(SKETCH, {"traces": traces, "encoder": encoder}, root)
    for index in range(3):
        sketch.run("s", 3, index, **config)
    Alone(CLUSTER, {"sketches": "run://s/node/sketches"}, root).run("c", **config)
    keep = Alone(KEEP_ROWS, {"traces": traces, "duplicates": "run://c/node/duplicates"}, root)
    kept = [row.id for index in range(3) for row in keep.rows(keep.run("k", 3, index, **config), "kept")]
    assert sorted(kept) == ["t0", "t2", "t3"]


def test_an_evaluation_statement_in_other_words_is_found_and_a_likely_one_listed(tmp_path, encoder):
    files = {
        "problems": [problem(number, text) for number, text in enumerate(ASKED)],
        "traces": ROWS,
        "eval": [problem("e", "stream green"), problem("f", "total house home")],
    }
    inputs = {name: write_lines(tmp_path / f"{name}.jsonl", rows) for name, rows in files.items()} | {"encoder": encoder}
    step = Alone(DECONTAMINATE, inputs, tmp_path / "root")
    manifest = step.run(same=0.95, near=0.7, max_share=1)
    [rejected] = step.rows(manifest, "rejected")
    assert (rejected.id, rejected.meta["rejected"], rejected.meta["matched_eval"]) == ("t2", "contaminated-in-meaning", "pe")
    listed = json.loads((tmp_path / "root" / manifest.outputs["near_misses"].address / "near_misses.json").read_text())["near_misses"]
    assert [(miss["problem_id"], miss["eval_id"], miss["how"]) for miss in listed] == [("p3", "pe", "meaning")]
    judged = step.run("judged", same=0.95, near=0.7, max_share=1, drop=("p3",), keep=("p2",))
    assert [row.id for row in step.rows(judged, "rejected")] == ["t3"]


def test_what_is_no_encoder_is_refused(tmp_path, encoder):
    with pytest.raises(InputError, match=r"x: no encoder: neither modules\.json"):
        load_encoder(tmp_path, "x")
    step = Alone(DEDUP, {"traces": write_lines(tmp_path / "traces.jsonl", ROWS)}, tmp_path / "root")
    with pytest.raises(ConfigError, match=r"dedup\.semantic: true needs the input `encoder`"):
        step.run(semantic=True)
