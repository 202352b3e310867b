"""Candidates for a prompt: every system line with every suffix and every set of shown examples; the contest's own form is the first."""

from collections.abc import Container, Iterable, Sequence

import xxhash

from nemoflow.errors import InputError
from nemoflow.prompts.form import Form, Shot
from nemoflow.records import Problem


def forms(systems: Sequence[str], suffixes: Sequence[str], shots: Sequence[tuple[Shot, ...]]) -> list[Form]:
    """Each different form once, after the contest's."""
    every = [Form(), *(Form(system=system, suffix=suffix, shots=shown) for shown in shots for system in systems for suffix in suffixes)]
    return list({form.model_dump_json(): form for form in every}.values())


def shot_sets(pool: Sequence[tuple[str, Shot]], counts: Sequence[int], sets: int, seed: int) -> list[tuple[Shot, ...]]:
    """So many sets of each count, drawn by a hash from (kind, example) rows, kinds in turn; a count of 0 is one empty set.

    InputError where the pool holds fewer examples than a set needs.
    """
    made: list[tuple[Shot, ...]] = []
    for count in counts:
        if count > len(pool):
            raise InputError(f"shots: sets of {count} examples were asked for, and the train side has {len(pool)} right ones")
        made += [_draw(pool, count, f"{seed}/{number}") for number in range(sets)] if count else [()]
    return made


def _draw(pool: Sequence[tuple[str, Shot]], count: int, salt: str) -> tuple[Shot, ...]:
    kinds: dict[str, list[Shot]] = {}
    for kind, shot in sorted(pool, key=lambda row: xxhash.xxh3_64_intdigest(f"{salt}/{row[1].problem_id}".encode())):
        kinds.setdefault(kind, []).append(shot)
    drawn: list[Shot] = []
    while len(drawn) < count:
        drawn += [shots.pop(0) for shots in kinds.values() if shots]
    return tuple(drawn[:count])


def refuse_meeting(one: Iterable[tuple[str, str]], other: Iterable[Problem], names: tuple[str, str]) -> None:
    """InputError where an (id, statement) of the first set is also a statement of the other, blanks and letter case aside."""
    known = {_digest(problem.statement): problem.id for problem in other}
    for row_id, statement in one:
        met = known.get(_digest(statement))
        if met is not None:
            raise InputError(
                f"{names[0]}: problem {row_id!r} is also problem {met!r} of {names[1]}; a prompt that was tuned on it would be scored on "
                "what it has seen: take it out of one of them"
            )


def refuse_tuned_on(problems: Iterable[Problem], seen: Container[str], where: str) -> None:
    """InputError where a problem to score is one of those that a prompt was tuned on, which `digests_of` has told."""
    met = next((problem.id for problem in problems if _digest(problem.statement) in seen), None)
    if met is not None:
        raise InputError(f"{where}: tuned on problem {met!r}, which is to be scored; score a prompt on problems that it has not seen")


def digests_of(problems: Iterable[Problem]) -> list[str]:
    """What stands for their statements, in order: enough to know them again, too little to read them."""
    return sorted({_digest(problem.statement) for problem in problems})


def _digest(statement: str) -> str:
    return xxhash.xxh3_128_hexdigest(" ".join(statement.lower().split()).encode("utf-8", "surrogatepass"))
