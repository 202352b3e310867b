"""Rollouts, on a tiny random NemotronH: no answer is right, all that matters is which text comes out."""

from pathlib import Path

import pytest
import torch
from tests.evaluation.tiny import numerals, save_tiny_adapter, save_tiny_base

from nemoflow.errors import InputError
from nemoflow.evaluation.code_runs import CodeRuns
from nemoflow.evaluation.rollouts import Limits, Student, Surroundings, choose, load_student, trace_all
from nemoflow.prompts.chat import user_message
from nemoflow.prompts.modes import message
from nemoflow.prompts.render import render_prefix
from nemoflow.sandbox.limits import Limits as SandboxLimits
from nemoflow.sandbox.session import LocalSandbox

PROBLEMS = numerals(7)
LIMITS = Limits(max_new_tokens=12, batch_size=3)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_adapter(base, tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="module")
def student(base: Path) -> Student:
    return load_student("base", base, threads=1)


def texts(student: Student, limits: Limits = LIMITS) -> list[str]:
    return [trace.response for trace in trace_all(student, PROBLEMS, limits)]


def by_hand(student: Student, statement: str, count: int) -> list[int]:
    """Greedy decoding without a cache, without padding, a token at a time."""
    prefix = render_prefix(student.tokenizer, user_message(statement))
    ids = student.tokenizer(prefix, add_special_tokens=False)["input_ids"]
    start = len(ids)
    with torch.inference_mode():
        while len(ids) < start + count and (len(ids) == start or ids[-1] not in student.stops):
            ids.append(int(student.model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[start:]


def test_traces_come_in_the_order_of_the_problems_whatever_the_batches(student):
    traces = trace_all(student, PROBLEMS, LIMITS)
    assert [trace.problem_id for trace in traces] == [problem.id for problem in PROBLEMS]
    assert {trace.source for trace in traces} == {"student"}
    assert {trace.model for trace in traces} == {"base"}
    assert len({trace.id for trace in traces}) == len(traces)


def test_left_padding_and_the_cache_do_not_change_what_greedy_decoding_says(student):
    for problem, trace in zip(PROBLEMS, trace_all(student, PROBLEMS, LIMITS), strict=True):
        tokens = by_hand(student, problem.statement, LIMITS.max_new_tokens)
        assert trace.response == student.tokenizer.decode(tokens, skip_special_tokens=True)
        assert trace.usage.completion_tokens == len(tokens)


def test_the_same_rollout_twice_is_the_same_to_the_byte(base, student):
    again = load_student("base", base, threads=1)
    assert trace_all(again, PROBLEMS, LIMITS) == trace_all(student, PROBLEMS, LIMITS)


def test_batches_of_one_say_the_same_as_batches_of_many(student):
    assert texts(student, Limits(max_new_tokens=12, batch_size=1)) == texts(student, Limits(max_new_tokens=12, batch_size=7))


def test_kept_batches_are_used_again_and_torn_or_other_ones_are_not(student, tmp_path):
    expected = trace_all(student, PROBLEMS, LIMITS)
    asked = []
    around = Surroundings(tmp_path, stopping=lambda: bool(asked.append(1)))
    assert trace_all(student, PROBLEMS, LIMITS, around) == expected
    assert len(list(tmp_path.iterdir())) == 3
    asked.clear()
    assert trace_all(student, PROBLEMS, LIMITS, around) == expected
    assert asked == []
    one, two, _ = sorted(tmp_path.iterdir())
    one.write_bytes(one.read_bytes()[:-20])
    two.write_bytes(b"")
    assert trace_all(student, PROBLEMS, LIMITS, around) == expected
    assert 2 <= len(asked) <= 2 * LIMITS.max_new_tokens
    asked.clear()
    trace_all(student, PROBLEMS, Limits(max_new_tokens=12, batch_size=2), around)
    assert asked != []


def test_a_response_at_the_limit_is_truncated_and_one_at_the_end_of_its_turn_is_not(student):
    traces = trace_all(student, PROBLEMS, LIMITS)
    for trace in traces:
        assert trace.finish == ("length" if trace.usage.completion_tokens == LIMITS.max_new_tokens else "stop")
    token = student.tokenizer(traces[0].response[0], add_special_tokens=False)["input_ids"][0]
    stopping = Student("stops", student.model, student.tokenizer, (token,))
    cut = trace_all(stopping, PROBLEMS[:1], LIMITS)[0]
    assert (cut.finish, cut.usage.completion_tokens) == ("stop", 1)


def test_an_adapter_changes_what_the_base_says_and_leaves_the_base_alone(base, adapter, student):
    adapted = load_student("adapted", base, adapter, threads=1)
    assert texts(adapted) != texts(student)
    assert texts(load_student("base", base, threads=1)) == texts(student)


def test_an_adapter_of_another_model_is_refused_by_name(base, adapter, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = adapter / "adapter_model.safetensors"
    narrow = {name: tensor[:, :-1].contiguous() if "lora_A" in name else tensor for name, tensor in load_file(weights).items()}
    (tmp_path / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    save_file(narrow, tmp_path / "adapter_model.safetensors")
    with pytest.raises(InputError, match=r"does not fit the base model .*size mismatch"):
        load_student("x", base, tmp_path)


def test_an_adapter_that_lacks_a_module_is_refused_and_not_silently_zero(base, adapter, tmp_path):
    from safetensors.torch import load_file, save_file

    some = {name: tensor for name, tensor in load_file(adapter / "adapter_model.safetensors").items() if "q_proj" not in name}
    (tmp_path / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    save_file(some, tmp_path / "adapter_model.safetensors")
    with pytest.raises(InputError, match="missing adapter keys"):
        load_student("x", base, tmp_path)


def test_a_limit_takes_the_same_problems_in_any_order_and_keeps_their_order():
    kept = choose(PROBLEMS, 4, seed=1)
    assert len(kept) == 4
    assert kept == sorted(kept, key=lambda problem: problem.id)
    assert {problem.id for problem in choose(PROBLEMS[::-1], 4, seed=1)} == {problem.id for problem in kept}
    assert choose(PROBLEMS, 0, seed=1) == choose(PROBLEMS, 99, seed=1) == PROBLEMS


def test_each_problem_is_asked_in_each_mode_in_its_words(student):
    traces = trace_all(student, PROBLEMS, Limits(max_new_tokens=6, batch_size=4, modes=("high", "low")))
    assert [(trace.mode, trace.problem_id) for trace in traces] == [(mode, row.id) for mode in ("high", "low") for row in PROBLEMS]
    assert traces[-1].messages[-1].content == message(PROBLEMS[-1].statement, "low")
    assert len({trace.id for trace in traces}) == len(traces)


def test_a_student_that_writes_no_code_says_the_same_with_python_as_by_itself(student):
    limits = Limits(max_new_tokens=6, batch_size=4, modes=("python",))
    sandbox_limits = SandboxLimits(calls=2)
    with CodeRuns(LocalSandbox(sandbox_limits), sandbox_limits) as runs:
        traces = trace_all(student, PROBLEMS, limits, Surroundings(python=runs))
    prefixes = [render_prefix(student.tokenizer, message(row.statement, "python")) for row in PROBLEMS]
    for prefix, trace in zip(prefixes, traces, strict=True):
        assert trace.meta == {"mode": "python", "calls": []}
        ids = student.tokenizer(prefix, add_special_tokens=False, return_tensors="pt")["input_ids"]
        said = student.model.generate(input_ids=ids, max_new_tokens=6, do_sample=False)[0, ids.shape[1] :]
        assert trace.response == student.tokenizer.decode(said, skip_special_tokens=True)


def test_python_needs_a_sandbox(student):
    with pytest.raises(InputError, match="mode 'low\\+python': its code needs a sandbox to run in"):
        trace_all(student, PROBLEMS, Limits(max_new_tokens=6, batch_size=4, modes=("low+python",)))
