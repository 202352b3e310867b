"""The steps `sketch`, `cluster` and `keep` in any number of shards drop what `dedup` drops as one."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.curate.traces import problem, trace
from tests.steps.alone import Alone, write_lines

from nemoflow.errors import ConfigError
from nemoflow.steps.cluster import CLUSTER
from nemoflow.steps.dedup import DEDUP
from nemoflow.steps.keep import KEEP_ROWS
from nemoflow.steps.mix import MIX
from nemoflow.steps.sketch import SKETCH

pytest.importorskip("rensa", reason="near duplicates need the extra `curate`")


def in_shards(folder, rows, shards, reference=(), **config):
    """Ids and reasons of all rows, by three steps of so many shards."""
    traces = write_lines(folder / f"{shards}" / "traces.jsonl", rows)
    root = folder / f"{shards}" / "root"
    sketch = Alone(SKETCH, {"traces": traces}, root)
    for index in range(shards):
        sketch.run("s", shards, index, **config)
    inputs = {"sketches": "run://s/node/sketches"}
    if reference:
        other = Alone(SKETCH, {"traces": write_lines(folder / f"{shards}" / "reference.jsonl", reference)}, root)
        other.run("other", **config)
        inputs["reference"] = "run://other/node/sketches"
    cluster = Alone(CLUSTER, inputs, root)
    found = cluster.rows(cluster.run("c", **config), "duplicates")
    keep = Alone(KEEP_ROWS, {"traces": traces, "duplicates": "run://c/node/duplicates"}, root)
    manifests = [keep.run("k", shards, index, **config) for index in range(shards)]
    told = [(row.id, "") for manifest in manifests for row in keep.rows(manifest, "kept")]
    told += [(row.id, row.meta["rejected"], row.meta["duplicate_of"]) for manifest in manifests for row in keep.rows(manifest, "rejected")]
    return sorted(told), found


def at_once(folder, rows, reference=(), **config):
    step = Alone(DEDUP, {"traces": write_lines(folder / "once.jsonl", rows)}, folder / "once")
    if reference:
        step.inputs["reference"] = write_lines(folder / "reference.jsonl", reference)
    manifest = step.run(**config)
    told = [(row.id, "") for row in step.rows(manifest, "kept")]
    return sorted(told + [(row.id, row.meta["rejected"], row.meta["duplicate_of"]) for row in step.rows(manifest, "rejected")])


def some_rows(seed, count=60):
    draw = Random(seed)
    texts = [" ".join(f"w{draw.randrange(500)}" for _ in range(60)) for _ in range(6)]
    rows = []
    for _ in range(count):
        problem = draw.randrange(12)
        text = draw.choice(texts) + draw.choice(["", "", " so", " then we are done"])
        row = trace(
            f"t{draw.randrange(50):02d}",
            number=problem,
            thinking=text,
            verdict=draw.choice(["right", "wrong"]),
            statement=texts[problem % 5],
        )
        rows.append(row)
        if draw.random() < 0.1:
            rows.append(row)
    return rows


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**16), st.integers(2, 10), st.sampled_from(["response", "statement"]))
def test_shards_and_order_decide_nothing(tmp_path_factory, seed, shards, compare):
    folder = tmp_path_factory.mktemp("shards")
    rows = some_rows(seed)
    config = {"compare": compare, "near": True, "threshold": 0.7}
    one, duplicates = in_shards(folder, rows, 1, **config)
    many, same = in_shards(folder, Random(seed).sample(rows, len(rows)), shards, **config)
    assert one == many == at_once(folder, rows, **config)
    assert duplicates == same


def test_rows_like_the_references_go_whatever_their_rank_and_the_reference_stays(tmp_path):
    rows = [trace("a"), trace("b", thinking="Something else entirely, at some length."), trace("c", number=2)]
    reference = [trace("z", verdict="wrong"), trace("y", verdict="wrong")]
    expected = [("a", "in-reference-exact-duplicate", "y"), ("b", ""), ("c", "")]
    assert at_once(tmp_path, rows, reference) == expected
    assert in_shards(tmp_path, rows, 3, reference)[0] == expected


def test_statements_are_not_compared_within_one_shard(tmp_path):
    step = Alone(DEDUP, {"traces": write_lines(tmp_path / "traces.jsonl", [trace("a")])}, tmp_path / "root")
    with pytest.raises(ConfigError, match="in shards use the steps sketch, cluster and keep"):
        step.run(shards=2, index=0, compare="statement")


def test_sketches_made_without_signatures_are_refused_where_they_are_needed(tmp_path):
    root = tmp_path / "root"
    Alone(SKETCH, {"traces": write_lines(tmp_path / "traces.jsonl", [trace("a")])}, root).run("s")
    with pytest.raises(ConfigError, match=r"cluster\.near: true, but the sketches in .* were made without; set sketch\.near = true"):
        Alone(CLUSTER, {"sketches": "run://s/node/sketches"}, root).run("c", near=True)


def test_the_corpus_of_ten_shards_has_the_bytes_of_one(tmp_path):
    """Distinct ids, as harvested traces have them; the mix refuses others."""
    rows = [row.model_copy(update={"id": f"{number:03d}"}) for number, row in enumerate(some_rows(5, 80))]
    config = {"compare": "statement", "near": True}
    digests = set()
    for shards in (1, 10):
        in_shards(tmp_path, rows, shards, **config)
        problems = write_lines(tmp_path / "problems.jsonl", [problem(99)])
        mix = Alone(MIX, {"traces": "run://k/node/kept", "problems": problems}, tmp_path / f"{shards}" / "root")
        digests.add(mix.run("m").outputs["corpus"].files[0].digest)
    assert len(digests) == 1
