import errno
from dataclasses import replace

import pytest
from tests.flow.toy import COPY, COUNT, GATE, PAGE, CountConfig, line, place, problem, words

from nemoflow.artifacts import Problems
from nemoflow.errors import ConfigError, DriftError, InputError, ProviderError, StoreError
from nemoflow.flow.execute import execute
from nemoflow.flow.local import run_local
from nemoflow.flow.pipeline import From, Node, Pipeline
from nemoflow.flow.step import Shard, Step
from nemoflow.store import read_rows


def test_the_manifest_lists_what_was_written_and_comes_last(tmp_path):
    here = place(tmp_path)
    manifest = execute(line(), "count", here)
    (file,) = manifest.outputs["problems"].files
    assert (file.rows, manifest.rows_out, manifest.metrics) == (3, 3, {"made": 3})
    assert list(read_rows(here.store, f"{manifest.outputs['problems'].address}/{file.path}", type(problem(0)))) == [
        problem(i) for i in range(3)
    ]
    assert here.manifest("count") == manifest


def test_done_work_is_not_done_again(tmp_path):
    log = tmp_path / "log"
    for _ in range(3):
        execute(line(log), "count", place(tmp_path / "root"))
    assert words(log) == ["count"]


def test_work_whose_objects_are_gone_is_done_again(tmp_path):
    here, log = place(tmp_path / "root"), tmp_path / "log"
    manifest = execute(line(log), "count", here)
    here.store.delete(manifest.outputs["problems"].address)
    execute(line(log), "count", here)
    assert words(log) == ["count", "count"]


def test_another_config_at_the_same_address_drifts_and_force_overwrites(tmp_path):
    here = place(tmp_path)
    execute(line(), "count", here)
    with pytest.raises(DriftError, match=r"count 3 -> 5"):
        execute(line(count=5), "count", here)
    assert execute(line(count=5), "count", here, force=True).rows_out == 5


def test_an_input_made_by_another_config_is_refused(tmp_path):
    here = place(tmp_path)
    execute(line(), "count", here)
    with pytest.raises(DriftError, match="input 'problems'"):
        execute(line(count=4), "copy", here)


def test_an_input_that_is_not_done_is_named(tmp_path):
    with pytest.raises(InputError, match="comes from node 'count', which is not done in run 'one'"):
        execute(line(), "copy", place(tmp_path))


def test_shards_partition_the_rows_and_fold_into_one_manifest(tmp_path):
    here, pipeline = place(tmp_path), line(shards=3, count=50)
    execute(pipeline, "count", here)
    for index in range(3):
        assert here.manifest("copy") is None
        execute(pipeline, "copy", here, Shard(index, 3))
    folded = here.manifest("copy")
    assert folded is not None
    assert (folded.rows_out, folded.metrics, len(folded.outputs["problems"].files)) == (50, {"copied": 50}, 3)
    rows = list(here.open_input(pipeline.node("page"), "problems", f"{folded.fingerprint}.problems").rows())
    assert sorted(row.id for row in rows) == sorted(f"p{i}" for i in range(50))


def test_work_finished_in_three_shards_is_done_for_a_request_of_one(tmp_path):
    log, here = tmp_path / "log", place(tmp_path / "root")
    run_local(line(log, shards=3), here)
    before = words(log)
    execute(line(log), "copy", here)
    assert words(log) == before


@pytest.mark.parametrize(("fail", "error", "code"), [("input", InputError, 2), ("bug", ValueError, 1)])
def test_a_failure_is_written_down_and_nothing_is_published(tmp_path, fail, error, code):
    here = place(tmp_path)
    execute(line(), "count", here)
    with pytest.raises(error):
        execute(line(fail=fail), "copy", here)
    assert here.manifest("copy") is None
    failure = here.failure("copy", Shard())
    assert failure is not None
    assert failure.exit_code == code
    execute(line(), "copy", here)
    assert here.failure("copy", Shard()) is None


def test_a_full_disk_in_a_step_is_a_store_error_that_says_what_to_do(tmp_path):
    def fill(config, inputs, outputs, context):
        raise OSError(errno.ENOSPC, "No space left on device", "some/file")

    node = Node("fill", Step("fill", 1, CountConfig, fill), CountConfig())
    with pytest.raises(StoreError, match="some/file: No space left on device; free space"):
        execute(Pipeline("p", (node,)), "fill", place(tmp_path))


def test_a_full_disk_that_a_library_hides_is_a_store_error_too(tmp_path):
    def fill(config, inputs, outputs, context):
        raise RuntimeError("I/O error: No space left on device (os error 28)")

    def other(config, inputs, outputs, context):
        raise RuntimeError("something else")

    for run, error, message in ((fill, StoreError, "no space left; free space"), (other, RuntimeError, "something else")):
        node = Node("fill", Step("fill", 1, CountConfig, run), CountConfig())
        with pytest.raises(error, match=message):
            execute(Pipeline("p", (node,)), "fill", place(tmp_path))


def test_a_gate_that_skips_skips_what_needs_its_result(tmp_path):
    pipeline = Pipeline(
        "gated",
        (
            Node("count", COUNT, CountConfig()),
            Node("gate", GATE, CountConfig(), {"problems": From("count", "problems")}),
            Node("page", PAGE, CountConfig(), {"problems": From("gate", "problems")}),
        ),
    )
    run_local(pipeline, here := place(tmp_path))
    manifest = here.manifest("page")
    assert manifest is not None
    assert (manifest.status, manifest.reason) == ("skipped", "input 'problems' was skipped: not better")


def test_files_and_folders_are_published_under_the_output(tmp_path):
    run_local(line(), here := place(tmp_path))
    manifest = here.manifest("page")
    assert manifest is not None
    assert [file.path for file in manifest.outputs["page"].files] == ["page.json", "sub/a.txt"]
    assert here.store.read_bytes("runs/one/page/page/sub/a.txt") == b"a"


def test_scratch_survives_a_failure_and_goes_with_success(tmp_path):
    seen = []

    def run(config, inputs, outputs, context):
        mark = context.scratch.path() / "mark"
        seen.append(mark.exists())
        mark.write_text("here")
        context.scratch.save()
        if len(seen) == 1:
            raise InputError("first attempt")
        return run_once(outputs)

    def run_once(outputs):
        from nemoflow.flow.step import Outcome

        outputs["problems"].write([problem(1)])
        return Outcome()

    pipeline = Pipeline("p", (Node("n", Step("n", 1, CountConfig, run, outputs={"problems": Problems}), CountConfig()),))
    here = place(tmp_path)
    with pytest.raises(InputError):
        execute(pipeline, "n", here)
    execute(pipeline, "n", here)
    assert seen == [False, True]
    assert not [entry.key for entry in here.store.list("runs/one/n") if "scratch" in entry.key]


def test_a_uri_to_a_file_is_an_input_whose_content_is_its_identity(tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_bytes(b"".join(problem(i).model_dump_json().encode() + b"\n" for i in range(4)))

    def pipeline():
        return Pipeline("p", (Node("copy", COPY, CountConfig(), {"problems": str(file)}),))

    first = execute(pipeline(), "copy", place(tmp_path / "root", "a"))
    assert first.rows_out == 4
    file.write_bytes(problem(9).model_dump_json().encode() + b"\n")
    second = execute(pipeline(), "copy", place(tmp_path / "root", "b"))
    assert second.fingerprint != first.fingerprint
    assert second.rows_out == 1


def test_an_output_of_another_run_is_an_input(tmp_path):
    run_local(line(), place(tmp_path, "first"))
    pipeline = Pipeline("p", (Node("copy", COPY, CountConfig(), {"problems": "run://first/count/problems"}),))
    assert execute(pipeline, "copy", place(tmp_path, "second")).rows_out == 3
    with pytest.raises(InputError, match="no such finished output"):
        execute(Pipeline("p", (replace(pipeline.nodes[0], inputs={"problems": "run://no/count/problems"}),)), "copy", place(tmp_path, "x"))


def test_a_shard_of_a_step_that_needs_all_rows_is_refused_before_any_work(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(ConfigError, match=r"count: shard 0/2: step 'count' needs all rows at once"):
        execute(line(log), "count", place(tmp_path / "root"), Shard(0, 2))
    assert words(log) == []


def test_a_step_alone_reuses_what_another_run_made_unless_fresh(tmp_path):
    log = tmp_path / "log"
    execute(line(log), "count", place(tmp_path / "root", "one"))
    reused = execute(line(log), "count", place(tmp_path / "root", "two"))
    assert (reused.reused_from, words(log)) == ("runs/one/count", ["count"])
    assert execute(line(log), "count", place(tmp_path / "root", "three"), fresh=True).reused_from is None
    assert words(log) == ["count", "count"]


def test_an_effect_that_is_needed_again_is_not_reused(tmp_path):
    log = tmp_path / "log"
    for run in ("one", "two"):
        execute(line(log), "open", place(tmp_path / "root", run))
    assert words(log) == ["open", "open"]


def test_a_reused_result_that_was_overwritten_at_its_origin_is_made_again(tmp_path):
    root, log = tmp_path / "root", tmp_path / "log"
    execute(line(log), "count", place(root, "one"))
    execute(line(log), "count", place(root, "two"))
    execute(line(log, count=5), "count", place(root, "one"), force=True)
    with pytest.raises(InputError, match=r"copy: its input 'problems': .*runs/one/count was removed or overwritten; run 'count' again"):
        execute(line(log), "copy", place(root, "two"))
    again = execute(line(log), "count", place(root, "two"))
    assert (again.reused_from, again.rows_out) == (None, 3)
    assert execute(line(log), "copy", place(root, "two")).rows_out == 3


def test_an_effect_that_fails_the_second_time_leaves_no_manifest_of_the_first(tmp_path):
    execute(line(), "open", here := place(tmp_path))
    broken = Pipeline(
        "line", tuple(replace(node, config=CountConfig(fail="open")) if node.name == "open" else node for node in line().nodes)
    )
    with pytest.raises(ProviderError):
        execute(broken, "open", here)
    assert here.manifest("open") is None


@pytest.mark.parametrize(
    ("content", "message"), [(None, "holds no endpoint.json"), (b"[1]", "an object is right"), (b"{bad", "endpoint.json: not JSON")]
)
def test_a_json_file_of_an_input_that_is_none_is_named(tmp_path, content, message):
    folder = tmp_path / "endpoint"
    folder.mkdir()
    if content is not None:
        (folder / "endpoint.json").write_bytes(content)
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(problem(1).model_dump_json().encode())
    alone = Pipeline("alone", (Node("page", PAGE, CountConfig(), {"problems": str(rows), "endpoint": str(folder)}),))
    with pytest.raises(InputError, match=message):
        execute(alone, "page", place(tmp_path / "root"))


def test_a_folder_without_rows_is_no_input_of_rows(tmp_path):
    (tmp_path / "rows").mkdir()
    alone = Pipeline("alone", (Node("copy", COPY, CountConfig(), {"problems": str(tmp_path / "rows")}),))
    with pytest.raises(InputError, match=r"holds no \*\.jsonl or \*\.jsonl\.zst"):
        execute(alone, "copy", place(tmp_path / "root"))
