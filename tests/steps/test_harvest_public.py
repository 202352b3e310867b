import pytest
from tests.steps.alone import Alone, sums, write_lines

from nemoflow.errors import InputError
from nemoflow.steps.harvest_public import HARVEST_PUBLIC


def test_solutions_become_traces_and_problems_without_one_are_counted(tmp_path):
    bare, solved = sums(2)
    solved = solved.model_copy(update={"meta": {"solution": "1 + 1 = <<1+1=2>>2\n#### 2"}})
    alone = Alone(HARVEST_PUBLIC, {"problems": write_lines(tmp_path / "problems.jsonl", [bare, solved])}, tmp_path / "root")
    manifest = alone.run()
    (row,) = alone.rows(manifest, "traces")
    assert row.response == "<think>\n1 + 1 = 2\n</think>\n\\boxed{2}"
    assert (manifest.rows_in, manifest.dropped) == (2, {"no-solution": 1})


def test_ids_that_own_problems_have_as_well_are_refused_before_anything_is_asked(tmp_path):
    own, public = sums(2), [row.model_copy(update={"statement": f"Another {row.id}?"}) for row in sums(1)]
    inputs = {"problems": write_lines(tmp_path / "public.jsonl", public), "own": write_lines(tmp_path / "own.jsonl", own)}
    with pytest.raises(InputError, match=r"public\.jsonl: problem id 'p000' stands for 'Another p000\?' .* in .*own\.jsonl"):
        Alone(HARVEST_PUBLIC, inputs, tmp_path / "root").run()
    write_lines(inputs["problems"], [row.model_copy(update={"id": f"public-{row.id}"}) for row in public])
    assert Alone(HARVEST_PUBLIC, inputs, tmp_path / "root").run().rows_in == 1


def test_an_empty_set_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"public\.jsonl: the input problems holds no rows"):
        Alone(HARVEST_PUBLIC, {"problems": write_lines(tmp_path / "public.jsonl", [])}, tmp_path / "root").run()
