"""Decontaminate: finds training problems whose statement occurs, whole or in part, among the problems of an evaluation set.

    index = EvalIndex(evaluation_problems, training_statements)
    index.match("... statement ...")      # Match(eval_id, text) or None

A statement matches where it equals an evaluation statement (letter case and blanks aside), holds one of at least `words` words whole,
or shares a run of `words` words with one. Numbers are words, and so are four signs and more that stand alone (`:}+{?` of a puzzle
with symbols); other signs are not.

Runs that say nothing are left out as boilerplate: those in which fewer than three words in eight *tell* something. A word tells where
it occurs in at most `boilerplate` of the evaluation statements and of the training statements (or in two of them), a number where it
occurs in at most COMMON_NUMBER of them: the 0.5 and 2 of a formula do not tell. So a puzzle's head sentence, even with a number beside
it, matches nothing, while a run of its example lines does. Both sets are asked because a form may be rare in an evaluation set of
twenty and yet be one.

Where an encoder is given, a statement also matches an evaluation statement that means the same: whose embedding has a cosine of
`same` and more. What does not match and yet is close is a near miss, for a person to look at: it shares a shorter run (`near_words`),
or has a cosine from `near` to `same`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import xxhash

from nemoflow.curate.decision import KEEP, Decision
from nemoflow.curate.encoder import Encoder
from nemoflow.curate.signatures import batches
from nemoflow.curate.statements import statement_of
from nemoflow.records import Problem, Trace

WORDS = 8
NEAR_WORDS = 6
SAME = 0.95
"""Cosine from which two statements are the same problem in other words."""
NEAR = 0.85
BOILERPLATE = 0.01
TELLING = 3 / 8
"""Share of a run's words that must tell something."""
COMMON_NUMBER = 0.05
"""Share of the statements from which a number is part of the form: a falling time asked for with `0.5*g*t^2` behind it is no leak."""
ALWAYS_TELLING = 2
"""A word in so few statements of a set tells something, however small the set is."""

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|(?<!\S)[^\w\s]{4,}(?!\S)")


@dataclass(frozen=True)
class Match:
    """An evaluation problem that a statement touches, and the words that they share."""

    eval_id: str
    text: str
    """For a match by meaning, the evaluation statement."""
    likeness: float = 1.0
    """Share of the statement's different words that the evaluation statement has, or the cosine."""
    how: Literal["words", "meaning"] = "words"


@dataclass(frozen=True)
class NearMiss:
    """What a person should look at."""

    problem_id: str
    statement: str
    eval_statement: str
    match: Match

    def as_json(self) -> dict[str, object]:
        """One row of the list."""
        return {
            "problem_id": self.problem_id,
            "eval_id": self.match.eval_id,
            "how": self.match.how,
            "likeness": round(self.match.likeness, 4),
            "shared": self.match.text if self.match.how == "words" else "",
            "statement": self.statement,
            "eval_statement": self.eval_statement,
        }


def words_of(statement: str) -> list[str]:
    """Words, numbers and runs of signs in lower case."""
    return _WORD.findall(statement.casefold())


def _key(words: Iterable[str]) -> int:
    return xxhash.xxh3_64_intdigest("\0".join(words).encode("utf-8", "surrogatepass"))


def _whole_key(statement: str) -> int:
    return _key(statement.casefold().split())


def _common_words(statements: Iterable[list[str]], share: float) -> set[str]:
    counts: Counter[str] = Counter()
    total = 0
    for words in statements:
        counts.update(set(words))
        total += 1
    shares = {True: max(share, COMMON_NUMBER), False: share}
    return {word for word, count in counts.items() if count > max(ALWAYS_TELLING, shares[word[0].isdigit()] * total)}


class EvalIndex:
    """Runs of words and whole statements of evaluation problems, by hash."""

    def __init__(
        self,
        problems: Iterable[Problem],
        training: Iterable[str] = (),
        words: int = WORDS,
        boilerplate: float = BOILERPLATE,
        near_words: int | None = None,
    ) -> None:
        self._length, self._near_length = words, near_words
        self._whole: dict[int, str] = {}
        self._runs: dict[int, str] = {}
        self._near_runs: dict[int, str] = {}
        self._by_head: dict[int, dict[int, dict[int, str]]] = defaultdict(lambda: defaultdict(dict))
        self.statements: dict[str, str] = {}
        texts: dict[str, list[str]] = {}
        for problem in sorted(problems, key=lambda problem: problem.id):
            if self._whole.setdefault(_whole_key(problem.statement), problem.id) == problem.id:
                texts[problem.id] = words_of(problem.statement)
                self.statements[problem.id] = problem.statement
        self._common = _common_words(texts.values(), boilerplate) | _common_words(map(words_of, training), boilerplate)
        for eval_id, found in texts.items():
            if len(found) >= words:
                self._by_head[_key(found[:words])][len(found)].setdefault(_key(found), eval_id)
            for run in self._telling_runs(found, words):
                self._runs.setdefault(_key(run), eval_id)
            for run in self._telling_runs(found, near_words) if near_words is not None else ():
                self._near_runs.setdefault(_key(run), eval_id)

    def __len__(self) -> int:
        """Distinct statements."""
        return len(self._whole)

    def match(self, statement: str) -> Match | None:
        """The evaluation problem that a statement equals, else the first that it shares a run with, else None."""
        if (eval_id := self._whole.get(_whole_key(statement))) is not None:
            return Match(eval_id, "the whole statement")
        words = words_of(statement)
        return self._held(words) or self._first_run(words, self._length, self._runs)

    def _held(self, words: list[str]) -> Match | None:
        """The evaluation problem whose words stand in a statement, all of them in a row."""
        for start in range(len(words) - self._length + 1):
            by_length = self._by_head.get(_key(words[start : start + self._length]), {})
            for length, wholes in by_length.items():
                if start + length <= len(words) and (eval_id := wholes.get(_key(words[start : start + length]))) is not None:
                    return Match(eval_id, " ".join(words[start : start + length]), length / len(words))
        return None

    def near(self, statement: str) -> Match | None:
        """The evaluation problem with which a statement that does not match shares a shorter run."""
        return self._first_run(words_of(statement), self._near_length, self._near_runs) if self._near_length is not None else None

    def _first_run(self, words: list[str], length: int, runs: Mapping[int, str]) -> Match | None:
        for run in self._telling_runs(words, length):
            if (eval_id := runs.get(_key(run))) is not None:
                own, theirs = set(words), set(words_of(self.statements[eval_id]))
                return Match(eval_id, " ".join(run), len(own & theirs) / len(own))
        return None

    def _telling_runs(self, words: list[str], length: int) -> Iterator[list[str]]:
        tells = [word not in self._common for word in words]
        for start in range(len(words) - length + 1):
            if sum(tells[start : start + length]) >= TELLING * length:
                yield words[start : start + length]


class Meaning:
    """Evaluation statements by their embeddings."""

    def __init__(self, encoder: Encoder, statements: Mapping[str, str], same: float = SAME, near: float = NEAR) -> None:
        self._encoder, self._same, self._near = encoder, same, near
        self._ids = list(statements)
        self._statements = statements
        parts = [encoder.encode(batch) for batch in batches(statements.values())]
        self._vectors = np.concatenate(parts) if parts else np.empty((0, 1), dtype=np.float32)

    def look(self, statements: Sequence[str]) -> list[tuple[Match | None, bool]]:
        """For each the nearest evaluation statement at `near` and beyond, and whether it is the same problem."""
        cosines = self._encoder.encode(statements) @ self._vectors.T
        nearest = cosines.argmax(axis=1)
        found: list[tuple[Match | None, bool]] = []
        for row, place in enumerate(nearest):
            cosine, eval_id = float(cosines[row, place]), self._ids[int(place)]
            match = Match(eval_id, self._statements[eval_id], cosine, "meaning") if cosine >= self._near else None
            found.append((match, cosine >= self._same))
        return found


@dataclass
class Contamination:
    """Training problems that match, among those looked at."""

    problems: int = 0
    matches: dict[str, Match] = field(default_factory=dict)
    """By problem id."""
    near_misses: list[NearMiss] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Contaminated part of the problems."""
        return len(self.matches) / self.problems if self.problems else 0.0

    def decide(self, traces: Iterable[Trace]) -> Iterator[Decision]:
        """A decision a trace: those of contaminated problems go."""
        for trace in traces:
            match = self.matches.get(trace.problem_id)
            if match is None:
                yield Decision(trace, KEEP)
            else:
                reason = "contaminated" if match.how == "words" else "contaminated-in-meaning"
                yield Decision(trace, reason, {"matched_eval": match.eval_id, "matched_text": match.text})


def survey(traces: Iterable[Trace], statements: Mapping[str, str], index: EvalIndex, meaning: Meaning | None = None) -> Contamination:
    """Match the statement of every problem that has a trace, each once; `statements`, by id, serve traces without a prompt."""
    found = Contamination()
    seen: dict[str, bool] = {}
    for batch in batches(_asked(traces, statements, seen)):
        looked = meaning.look([statement for _, statement in batch]) if meaning is not None else [(None, False)] * len(batch)
        for (problem_id, statement), (alike, is_same) in zip(batch, looked, strict=True):
            if (match := index.match(statement) or (alike if is_same else None)) is not None:
                found.matches[problem_id] = match
            elif (near := index.near(statement) or alike) is not None:
                found.near_misses.append(NearMiss(problem_id, statement, index.statements[near.eval_id], near))
    found.problems = len(seen)
    found.near_misses.sort(key=lambda miss: (-miss.match.likeness, miss.problem_id))
    return found


def _asked(traces: Iterable[Trace], statements: Mapping[str, str], seen: dict[str, bool]) -> Iterator[tuple[str, str]]:
    """Each problem with its statement, once one of its traces has one."""
    for trace in traces:
        if seen.get(trace.problem_id):
            continue
        statement = statement_of(trace) or statements.get(trace.problem_id, "")
        seen[trace.problem_id] = bool(statement)
        if statement:
            yield trace.problem_id, statement
