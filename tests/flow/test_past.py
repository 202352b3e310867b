from tests.flow.toy import line, place

from nemoflow.flow.local import run_local
from nemoflow.flow.past import read_past, typical


def test_what_was_done_is_found_by_node_and_what_was_reused_is_left_out(tmp_path):
    run_local(line(shards=3), place(tmp_path, "first"))
    run_local(line(shards=3, page=1), place(tmp_path, "second"))
    past = read_past(place(tmp_path).store, ["copy", "page", "none"])
    assert {node: [done.manifest.run for done in found] for node, found in past.items()} == {
        "copy": ["first"],
        "page": ["first", "second"],
        "none": [],
    }
    (copied,) = past["copy"]
    assert copied.shards == 3
    assert typical(past["copy"]) == copied.manifest.seconds / 3
    assert typical(past["none"]) is None


def test_only_the_last_runs_are_looked_at(tmp_path):
    for run in ("a", "b", "c"):
        run_local(line(page=ord(run)), place(tmp_path, run))
    assert [done.manifest.run for done in read_past(place(tmp_path).store, ["page"], runs=2)["page"]] == ["b", "c"]
