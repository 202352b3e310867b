"""The solver teacher in modes: asked as the harvest asks, in the words of models/families.py and prompts/tools.py."""

import contextlib
import io
from collections import Counter
from itertools import islice

import pytest

from nemoflow.answers.competition import extract, verify
from nemoflow.models.families import EFFORTS, PLAIN, teacher_family
from nemoflow.prompts.judge import ask_judge, read_judgement
from nemoflow.prompts.teacher import ask
from nemoflow.prompts.tools import closed_block, system_for_fences
from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.puzzles.modes import ERRORS, effort_of
from nemoflow.puzzles.persona import Persona
from nemoflow.puzzles.programs import program
from nemoflow.puzzles.split import draw
from nemoflow.sandbox.limits import Limits

PERSONA = Persona(0.2, 3, modes=True)
PUZZLES = [problem for kind in ("numeral", "unit") for problem in islice(draw(FAMILIES[kind], "train", 2, "easy"), 40)]
KINDS = pytest.mark.parametrize("problem", [PUZZLES[0], PUZZLES[-1]], ids=lambda problem: problem.category)


def turns(problem, effort, python=False):
    system = PLAIN.efforts[effort].system
    told = system_for_fences(system, Limits()) if python else system
    return [(message.role, message.content) for message in ask(problem.statement, told)]


def replies(persona, effort, python=False, samples=10):
    return [(problem, persona.reply(turns(problem, effort, python), seed, 0)) for problem in PUZZLES for seed in range(samples)]


def test_it_is_a_plain_model_whose_name_says_that_it_has_modes():
    assert PERSONA.model.endswith("-modes")
    assert teacher_family(PERSONA.model) is PLAIN
    assert not Persona(0.2, 3).model.endswith("-modes")


@pytest.mark.parametrize("effort", EFFORTS)
def test_the_effort_is_read_from_the_words_of_its_family_with_python_or_without(effort):
    assert effort_of(turns(PUZZLES[0], effort)) == effort_of(turns(PUZZLES[0], effort, python=True)) == effort


def test_more_effort_errs_less_and_writes_more():
    chars, errors = {}, {}
    for effort in EFFORTS:
        said = replies(PERSONA, effort)
        right = [reply for problem, reply in said if verify(problem.gold, extract(reply.text))]
        errors[effort] = 1 - len(right) / len(said)
        chars[effort] = sum(len(reply.text) for reply in right) / len(right)
    assert chars["high"] > chars["medium"] > chars["low"]
    assert errors == pytest.approx({effort: 0.2 * ERRORS[effort] for effort in EFFORTS}, abs=0.05)


@KINDS
def test_a_mistake_free_low_effort_is_the_end_of_the_medium_ones_reasoning(problem):
    low, medium, high = (Persona(modes=True).reply(turns(problem, effort), 0, 0).text for effort in ("low", "medium", "high"))
    assert medium == Persona().reply(turns(problem, "medium"), 0, 0).text
    assert low.removeprefix("<think>\n") in medium
    assert high.startswith(medium.partition("\n</think>")[0])


@pytest.mark.parametrize("effort", EFFORTS)
def test_with_python_the_code_prints_the_gold_answer_and_what_was_printed_is_the_answer(effort):
    for problem in PUZZLES:
        messages = turns(problem, effort, python=True)
        asked = Persona(modes=True).reply(messages, 1, 0).text
        end, code = closed_block(asked)
        assert end == len(asked)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, {})
        assert printed.getvalue().strip() == problem.gold
        shown = f"```output\n{printed.getvalue()}```\n[7 blocks left]"
        answer = Persona(modes=True).reply([*messages, ("assistant", asked), ("user", shown)], 1, 0)
        assert extract(answer.text) == problem.gold


def test_with_python_mistakes_come_without_code_at_their_rate():
    counts = Counter("```python" in reply.text for _, reply in replies(PERSONA, "medium", python=True))
    assert counts[False] / counts.total() == pytest.approx(0.2, abs=0.05)
    wrong = [(problem, reply) for problem, reply in replies(PERSONA, "medium", python=True) if "```python" not in reply.text]
    assert not any(verify(problem.gold, extract(reply.text)) for problem, reply in wrong if "\\boxed" in reply.text)


def test_kinds_without_a_program_are_answered_without_one():
    for kind, family in FAMILIES.items():
        if kind not in ("numeral", "unit"):
            problem = next(draw(family, "train", 1))
            assert program(kind, family.solve(problem.statement)) == ""
            said = Persona(modes=True).reply(turns(problem, "medium", python=True), 1, 0).text
            assert said == Persona().reply(turns(problem, "medium", python=True), 1, 0).text


@pytest.mark.parametrize(
    ("one", "other", "word"), [("0.5", "1/2", "yes"), ("12", "12.5", "no"), ("XIV", "XIV", "yes"), ("LVI", "LIV", "no"), ("?", "!", "no")]
)
def test_it_judges_by_rule_in_both_orders(one, other, word):
    for pair in ((one, other), (other, one)):
        messages = [(message.role, message.content) for message in ask_judge(PUZZLES[0].statement, *pair)]
        assert read_judgement(PERSONA.reply(messages, 1, 0).text) == word


def test_without_modes_none_of_it_is_understood():
    messages = [(message.role, message.content) for message in ask_judge(PUZZLES[0].statement, "1", "1")]
    assert read_judgement(Persona().reply(messages, 1, 0).text) == "unclear"
    assert "```python" not in Persona().reply(turns(PUZZLES[0], "high", python=True), 1, 0).text
