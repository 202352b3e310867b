from tests.steps.alone import Alone, sums, write_lines

from nemoflow.steps.harvest_public import HARVEST_PUBLIC


def test_solutions_become_traces_and_problems_without_one_are_counted(tmp_path):
    bare, solved = sums(2)
    solved = solved.model_copy(update={"meta": {"solution": "1 + 1 = <<1+1=2>>2\n#### 2"}})
    alone = Alone(HARVEST_PUBLIC, {"problems": write_lines(tmp_path / "problems.jsonl", [bare, solved])}, tmp_path / "root")
    manifest = alone.run()
    (row,) = alone.rows(manifest, "traces")
    assert row.response == "<think>\n1 + 1 = 2\n</think>\n\\boxed{2}"
    assert (manifest.rows_in, manifest.dropped) == (2, {"no-solution": 1})
