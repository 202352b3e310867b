import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.answers.code import OUTPUT_CHARS, also_code, comparison, program_in, same_text, same_value, verify_code
from nemoflow.answers.code_tests import read_tests
from nemoflow.answers.verdicts import Attempt, open_verifier
from nemoflow.errors import InputError
from nemoflow.sandbox.limits import Limits
from nemoflow.sandbox.session import LocalSandbox

LIMITS = Limits(calls=1000, seconds=1, memory_mb=128, output_chars=OUTPUT_CHARS)
SUM = {"inputs": ["1 2\n", "10 -4\n"], "outputs": ["3\n", "6\n"]}
ADD = {"function": "add", "inputs": [[1, 2], [[1], [2]]], "outputs": [3, [1, 2]]}
FORGED = "json.dumps({'status': 'ok', 'text': 'passed', 'cut': 0, 'seconds': 0})"
ASSERTS = {"asserts": ["assert add(1, 2) == 3", "assert add('a', 'b').isalpha()"]}


def fenced(code):
    return f"<think>\nFirst I try\n```python\nprint('no')\n```\n</think>\nHere:\n```python\n{code}\n```\nDone."


@pytest.fixture(scope="module")
def runs():
    """Verdicts on (tests, program) pairs, all in one sandbox."""

    def run(*pairs):
        async def inside():
            async with LocalSandbox(LIMITS) as sandbox:
                attempts = [(read_tests({"tests": tests}, "here"), Attempt(None, fenced(code))) for tests, code in pairs]
                return await asyncio.gather(*(verify_code(tests, attempt, sandbox) for tests, attempt in attempts))

        return [(verdict.verdict, verdict.rule, verdict.reason) for verdict in asyncio.run(inside())]

    return run


def test_programs_are_right_or_wrong_with_rule_and_reason(runs):
    cases = [
        (
            SUM,
            "import sys\nprint(sum(map(int, sys.stdin.read().split())))\nprint('hush', file=sys.stderr)",
            "right",
            "code-passed",
            "2 tests",
        ),
        (
            SUM,
            "def main():\n    print(sum(map(int, input().split())))\n    return 5\nif __name__ == '__main__':\n    main()",
            "right",
            "code-passed",
            "",
        ),
        (
            SUM,
            "a, b = map(int, open(0).read().split())\nprint(a + abs(b))",
            "wrong",
            "code-failed",
            r"test 2 of 2: '10 -4' gives '14', not '6'",
        ),
        (SUM, "print(1 / 0)", "wrong", "code-error", "test 1 of 2: 'ZeroDivisionError: division by zero'"),
        (SUM, "while True: pass", "wrong", "code-time", "test 1 of 2"),
        (SUM, "x = bytearray(10**10)", "wrong", "code-memory", "MemoryError"),
        (SUM, "import os; os._exit(0)", "wrong", "code-crash", "status 0"),
        (SUM, "print(3", "wrong", "code-error", "SyntaxError"),
        (SUM, "import sys; sys.exit()", "wrong", "code-failed", "gives '', not '3'"),
        (ADD, "def add(a, b):\n    print('noise')\n    return a + b", "right", "code-passed", "2 tests"),
        (ADD, "def add(a, b):\n    return 3", "wrong", "code-failed", "test 2 of 2: 'add([1], [2])' gives '3', not '[1, 2]'"),
        (ADD, "def sub(a, b): pass", "wrong", "code-error", "NameError"),
        (ASSERTS, "def add(a, b):\n    return a + b", "right", "code-passed", "2 tests"),
        (ASSERTS, "def add(a, b):\n    return 4 if a == 1 else 'ab'", "wrong", "code-failed", "gives '4', not '3'"),
        (ASSERTS, "def add(a, b):\n    return a + b if a == 1 else '1'", "wrong", "code-failed", "test 2 of 2"),
    ]
    for (_, code, *wanted), found in zip(cases, runs(*[case[:2] for case in cases]), strict=True):
        assert found[:2] == tuple(wanted[:2]), (code, found)
        assert wanted[2] in found[2], (code, found)


def test_a_program_cannot_talk_its_way_through(runs):
    cheats = [
        (ASSERTS, "class Always(int):\n    def __eq__(self, other): return True\ndef add(a, b): return Always(7)"),
        (ADD, "class Always(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\ndef add(a, b): return Always(7)"),
        (ADD, "class Sly:\n    def __repr__(self): return '...'\ndef add(a, b): return Sly()"),
        (
            SUM,
            f"import os, json\nb = {FORGED}.encode()\nos.write(3, len(b).to_bytes(4, 'big') + b)",
        ),
        (ADD, "import sys; sys.exit(0)"),
    ]
    assert all(found[0] == "wrong" for found in runs(*cheats))


def test_programs_and_answers_stand_in_one_stream_in_their_order():
    tests = read_tests({"tests": ADD}, "here")
    good, bad = fenced("def add(a, b): return a + b"), fenced("def add(a, b): return 0")
    attempts = [
        Attempt("4", r"\boxed{4}"),
        Attempt(None, good, tests=tests),
        Attempt("4", r"\boxed{5}"),
        Attempt(None, bad, tests=tests),
        Attempt(None, "no code", tests=tests),
        Attempt(None, None, "500", tests=tests),
    ]
    with open_verifier("competition") as verdicts, also_code(verdicts, LIMITS) as every:
        assert [(v.verdict, v.rule) for v in every(attempts)] == [
            ("right", "competition"),
            ("right", "code-passed"),
            ("wrong", "competition"),
            ("wrong", "code-failed"),
            ("wrong", "no-code"),
            ("wrong", "error"),
        ]


def test_where_no_program_comes_no_sandbox_starts():
    class Unwanted:
        async def __aenter__(self):
            raise AssertionError("started")

    with open_verifier("competition") as verdicts, also_code(verdicts, LIMITS, Unwanted()) as every:
        assert [v.verdict for v in every([Attempt("4", r"\boxed{4}")])] == ["right"]


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ({"inputs": ["1"], "outputs": []}, "1 inputs and 0 outputs"),
        ({}, "no test at all"),
        ({"inputs": [1], "outputs": [1]}, "inputs and outputs are texts"),
        ({"function": "f()", "inputs": [[1]], "outputs": [1]}, r"function = 'f\(\)'"),
        ({"function": "f", "inputs": [1], "outputs": [1]}, "a list of arguments"),
        ({"cases": []}, "tests.cases"),
        ([1], "tests"),
    ],
)
def test_bad_tests_are_named(tests, said):
    with pytest.raises(InputError, match=said):
        read_tests({"tests": tests}, "problems.jsonl: problem p")
    assert read_tests({}, "here") is None


def test_the_last_block_of_the_final_part_is_the_program():
    assert program_in(fenced("x = 1")) == "x = 1\n"
    assert program_in("<think>\n```python\na\n```\n</think>\nno block") == "a\n"
    assert program_in("```\nplain\n```") == "plain\n"
    assert program_in("```python\nnever closed") == "never closed"
    assert program_in("nothing") is program_in(None) is None


def test_an_assert_of_a_literal_is_compared_outside_and_any_other_is_not():
    assert comparison("assert f(1) == [1, 'a']") == ("f(1)", [1, "a"])
    for other in (
        "assert f(1)",
        "assert f(1) == g(1)",
        "assert f(1) < 3",
        "assert 1 == f(1) == 1",
        "x = 1",
        "assert (",
        "assert a == 1, b; c",
    ):
        assert comparison(other) is None, other


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=8
)


@given(values)
def test_a_value_is_the_same_as_itself_however_it_is_wrapped(value):
    assert same_value(value, value)
    assert same_value([value], (value,))
    assert not same_value([value], [value, value])


def test_values_are_compared_strictly_but_for_the_last_digits_of_floats():
    assert same_value(0.3, 0.1 + 0.2)
    assert same_value({"a": [1.0]}, {"a": (1,)})
    for wanted, found in ((1, True), (True, 1), (1, "1"), ("a", b"a"), (1.0, "1.0"), ([1], {1}), (0.3, 0.31), ({"a": 1}, {"a": 1, "b": 2})):
        assert not same_value(wanted, found)
    assert not same_value(10.0**300, 10**400)


def test_texts_are_compared_word_by_word():
    assert same_text("1 2\n3\n", "1  2 \n3\n\n\n")
    assert same_text("0.333333333", "0.3333333331")
    for wanted, found in (("3", "3.0"), ("1\n2", "1 2"), ("", "0"), ("0.5", "half"), ("a", "A"), ("10", "11")):
        assert not same_text(wanted, found)
