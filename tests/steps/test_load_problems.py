import shutil
from pathlib import Path

import pytest
from tests.steps.alone import Alone, sums, write_lines

from nemoflow.config import build
from nemoflow.errors import ConfigError, InputError
from nemoflow.steps.load_problems import LOAD_PROBLEMS

DATA = Path(__file__).parents[3] / "shared" / "data"


def load(path, root, **config):
    alone = Alone(LOAD_PROBLEMS, {"file": path}, root)
    manifest = alone.run(**config)
    return manifest, alone.rows(manifest, "train"), alone.rows(manifest, "eval")


def test_every_problem_is_on_one_side_and_the_sides_keep_the_order(tmp_path):
    path = write_lines(tmp_path / "p.jsonl", sums(200))
    manifest, train, held_out = load(path, tmp_path / "root", eval_share=0.25)
    assert sorted(row.id for row in train + held_out) == [f"p{i:03d}" for i in range(200)]
    assert [row.id for row in train] == sorted(row.id for row in train)
    assert 30 <= len(held_out) <= 70
    assert manifest.metrics == {"train": len(train), "eval": len(held_out), "without_gold": 0}


def test_a_larger_set_moves_nobody_to_the_other_side(tmp_path):
    _, _, few = load(write_lines(tmp_path / "few.jsonl", sums(50)), tmp_path / "a")
    _, _, many = load(write_lines(tmp_path / "many.jsonl", sums(100)), tmp_path / "b")
    assert [row.id for row in many if row.id < "p050"] == [row.id for row in few]


def test_limits_draw_by_seed_within_each_category_and_are_counted(tmp_path):
    path = write_lines(
        tmp_path / "p.jsonl", [*sums(40), *(row.model_copy(update={"id": f"q{row.id}", "category": "other"}) for row in sums(8))]
    )
    manifest, train, _ = load(path, tmp_path / "a", per_category=5, eval_share=0)
    _, other, _ = load(path, tmp_path / "b", per_category=5, eval_share=0, seed=1)
    assert [row.category for row in train] == ["sum"] * 5 + ["other"] * 5
    assert {row.id for row in train} != {row.id for row in other}
    assert manifest.dropped == {"over-limit": 38}


def test_the_bytes_of_the_file_are_part_of_the_identity(tmp_path):
    prints = []
    for name, count in (("a.jsonl", 29), ("a.jsonl", 30)):
        path = write_lines(tmp_path / str(count) / name, sums(count))
        prints.append(load(path, tmp_path / f"root{count}")[0].fingerprint)
    assert prints[0] != prints[1]


def test_a_file_that_holds_everything_out_is_refused(tmp_path):
    path = write_lines(tmp_path / "p.jsonl", sums(1))
    with pytest.raises(InputError, match="holds out all of its 1 problems"):
        load(path, tmp_path / "root", eval_share=0.999999)


def test_an_unknown_format_is_named_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"load\.format: .*known formats: aime, aops, gsm8k, hle, hmmt, jsonl, kaggle, math.*'parquet'"):
        build(LOAD_PROBLEMS.config, {"format": "parquet"}, "load")


def test_a_wrong_row_is_named_with_the_file_that_the_user_gave(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text('{"question": "a", "answer": "1"}\n{"question": "", "answer": "1"}\n')
    with pytest.raises(InputError, match=rf"{path}: row 2: question: ''; a non-empty string is right"):
        load(path, tmp_path / "root")


def test_the_contests_own_csv_and_a_zipped_public_set_load(tmp_path):
    csv = tmp_path / "train.csv"
    csv.write_text('id,prompt,answer\n0a,"A numeral system:\n5 -> V\nthe number 34?",XXXIV\n0b,"A unit conversion, asked",2.50\n')
    _, train, _ = load(csv, tmp_path / "a", format="kaggle", eval_share=0)
    assert [(row.category, row.gold) for row in train] == [("numeral", "XXXIV"), ("unit", "2.50")]
    if not (DATA / "gsm8k_test.jsonl.gz").exists():
        pytest.skip("gsm8k_test.jsonl.gz is not here (../shared/data)")
    shutil.copy(DATA / "gsm8k_test.jsonl.gz", tmp_path)
    manifest, train, held_out = load(tmp_path / "gsm8k_test.jsonl.gz", tmp_path / "b", format="gsm8k")
    assert len(train) + len(held_out) == manifest.rows_in == 1319


def test_a_share_that_holds_nobody_out_is_refused_unless_none_was_asked_for(tmp_path):
    path = write_lines(tmp_path / "p.jsonl", sums(3))
    words = r"p\.jsonl: eval_share 0\.001 holds out none of its 3 problems; .* or 0 to hold nothing out"
    with pytest.raises(InputError, match=words):
        load(path, tmp_path / "root", eval_share=0.001)
    manifest, _, _ = load(path, tmp_path / "none", eval_share=0)
    assert manifest.metrics == {"train": 3, "eval": 0, "without_gold": 0}


def test_a_prefix_stands_before_every_id_and_moves_nobody(tmp_path):
    path = write_lines(tmp_path / "p.jsonl", sums(40))
    _, *plain = load(path, tmp_path / "a", per_category=20)
    _, *named = load(path, tmp_path / "b", per_category=20, id_prefix="public-")
    for before, after in zip(plain, named, strict=True):
        assert [f"public-{row.id}" for row in before] == [row.id for row in after]


def test_a_file_with_a_header_alone_is_named_as_the_user_named_it(tmp_path):
    (tmp_path / "train.csv").write_text("id,prompt,answer\n")
    with pytest.raises(InputError, match=rf"^{tmp_path}/train\.csv: holds no problem"):
        load(tmp_path / "train.csv", tmp_path / "root", format="kaggle")


class Bucket:
    """An input that is read from a copy, as a bucket's is."""

    address = "s3://bucket/sets"

    def __init__(self, copy):
        self._copy = copy

    def folder(self):
        return self._copy


def test_a_wrong_row_of_a_bucket_is_named_by_its_address_not_by_the_copys(tmp_path):
    (tmp_path / "p.jsonl").write_text('{"question": ""}\n')
    with pytest.raises(InputError, match=r"^s3://bucket/sets/p\.jsonl: row 1: question: ''"):
        LOAD_PROBLEMS.run(LOAD_PROBLEMS.config(), {"file": Bucket(tmp_path)}, {}, None)
