import random

from hypothesis import given
from hypothesis import strategies as st

from nemoflow.flow.manifest import FileRecord, Manifest, OutputRecord, fold, manifest_key, shard_suffix
from nemoflow.flow.step import Shard


def manifest(index: int, count: int, rows: int, dropped: dict[str, int]) -> Manifest:
    file = FileRecord(path=f"part{shard_suffix(Shard(index, count))}.jsonl", size=rows, digest="d", rows=rows)
    return Manifest(
        run="r",
        node="n",
        step="s",
        version=1,
        fingerprint="f",
        config={},
        outputs={"rows": OutputRecord(kind="Problems", address="runs/r/n/rows", files=(file,))},
        metrics={"rows": rows, "share": 0.5},
        rows_in=rows,
        dropped=dropped,
        shard=(index, count),
        started=f"2026-01-01T00:00:{index:02d}",
        seconds=1.0,
        code="c",
    )


@given(st.lists(st.tuples(st.integers(0, 99), st.dictionaries(st.sampled_from("ab"), st.integers(0, 9))), min_size=1, max_size=8))
def test_folding_adds_up_counts_whatever_the_order_and_keeps_shard_order(shards):
    parts = [manifest(index, len(shards), rows, dropped) for index, (rows, dropped) in enumerate(shards)]
    shuffled = random.Random(0).sample(parts, len(parts))
    folded = fold(shuffled)
    assert folded.rows_out == folded.rows_in == folded.metrics["rows"] == sum(rows for rows, _ in shards)
    assert sum(folded.dropped.values()) == sum(sum(dropped.values()) for _, dropped in shards)
    assert [file.path for file in folded.outputs["rows"].files] == [part.outputs["rows"].files[0].path for part in parts]
    assert ("share" in folded.metrics) == (len(shards) == 1)


def test_a_manifest_survives_its_bytes():
    one = manifest(0, 2, 3, {"a": 1})
    assert Manifest.model_validate_json(one.to_json()) == one


def test_keys_of_shards_do_not_collide():
    keys = {manifest_key("r", "n", Shard(index, count)) for count in range(1, 6) for index in range(count)}
    assert len(keys) == 15
