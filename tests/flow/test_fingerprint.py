from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.flow.toy import COPY, line

from nemoflow.flow.fingerprint import digest_path, fingerprints
from nemoflow.flow.step import Shard


def prints(pipeline):
    return fingerprints(pipeline, lambda uri: uri)


def test_a_tuning_field_and_the_shard_count_are_not_of_the_identity():
    assert prints(line()) == prints(line(log="elsewhere", fail="x", shards=4))


def test_a_config_change_reaches_every_node_behind_it_and_none_before():
    one, two = prints(line()), prints(line(page=5))
    assert {name for name in one if one[name] != two[name]} == {"page"}
    three = prints(line(count=8))
    assert {name for name in one if one[name] != three[name]} == {"count", "copy", "page"}


def test_a_version_is_of_the_identity_and_pool_and_image_are_not():
    assert prints(line())["copy"] != prints(line(copy=replace(COPY, version=2)))["copy"]
    assert prints(line()) == prints(line(copy=replace(COPY, pool="train", image="train")))


@given(st.text(min_size=1, max_size=40), st.integers(1, 20))
def test_each_problem_belongs_to_exactly_one_shard(problem_id, count):
    assert sum(Shard(index, count).holds(problem_id) for index in range(count)) == 1


def test_a_folders_digest_sees_names_and_bytes_and_no_times(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    first = digest_path(tmp_path)
    (tmp_path / "a").touch()
    assert digest_path(tmp_path) == first
    (tmp_path / "a").rename(tmp_path / "b")
    assert digest_path(tmp_path) != first


def test_a_large_files_digest_sees_a_change_in_its_last_block(tmp_path):
    file = tmp_path / "weights"
    with file.open("wb") as stream:
        stream.truncate(80 * 2**20)
    first = digest_path(file)
    with file.open("r+b") as stream:
        stream.seek(-10, 2)
        stream.write(b"x")
    assert digest_path(file) != first
