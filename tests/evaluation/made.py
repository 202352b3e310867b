"""Rollouts, scores and manifests made up for tests of scores, comparisons and the page."""

from nemoflow.evaluation.compare import pair_up
from nemoflow.evaluation.facts import steps_of
from nemoflow.evaluation.report import Evidence
from nemoflow.evaluation.score import score, verify_rollouts
from nemoflow.records import Message, Problem, Trace, Usage, Verdict

HOSTILE = "<script>alert('x')</script> & \x00\x1b[31m </pre></details>"


def problem(index: int, kind: str = "numeral", gold: str | None = "XII") -> Problem:
    return Problem(id=f"{kind}-{index:03d}", statement=f"Puzzle {index}: write 12.", gold=gold, category=kind, source="test")


def attempt(asked: Problem, answer: str | None, finish: str = "stop", tokens: int = 10) -> Trace:
    response = f"10=X\n2=II\n</think>\n\\boxed{{{answer}}}" if answer is not None else "and so on"
    return Trace(
        id=f"t-{asked.id}-{answer}",
        problem_id=asked.id,
        category=asked.category,
        source="student",
        model="base",
        messages=(Message(role="user", content=asked.statement),),
        response=response,
        answer=answer,
        finish=finish,
        usage=Usage(prompt_tokens=5, completion_tokens=tokens),
    )


def in_mode(trace: Trace, mode: str, calls: int = 0) -> Trace:
    """The same attempt, asked for in a mode."""
    return trace.model_copy(update={"meta": {"mode": mode, "calls": [{"code": "1"}] * calls}})


def in_modes(modes: tuple[str, ...], count: int = 6) -> Evidence:
    """Two modes and more: the base solves nothing, the adapter all but the first problem, with as many tokens as the mode has letters."""
    problems = [problem(index, "unit") for index in range(count)]
    by_id = {row.id: row for row in problems}
    asked = [(row, mode) for mode in modes for row in problems]
    base = verify_rollouts([in_mode(attempt(row, "XIII"), mode) for row, mode in asked], by_id)
    solved = [in_mode(attempt(row, "XII" if row is not problems[0] else "I", "stop", 10 * len(mode)), mode, 2) for row, mode in asked]
    adapter = verify_rollouts(solved, by_id)
    return Evidence({"revision": "c", "metric": "symbolic"}, score(base), score(adapter), pair_up(problems, base, adapter), steps=())


def manifest(node: str, started: int = 0, **fields: object) -> dict:
    return {
        "v": 1,
        "run": "demo",
        "node": node,
        "step": node,
        "version": 1,
        "fingerprint": f"{node}-0123456789abcdef",
        "config": {},
        "inputs": {},
        "outputs": {},
        "metrics": {},
        "rows_in": 0,
        "dropped": {},
        "status": "done",
        "reason": "",
        "shard": [0, 1],
        "started": f"2026-01-01T00:00:{started:02d}Z",
        "seconds": 1.0,
        "code": "0.1.0",
        "image": "",
        "engines": {},
        "reused_from": None,
        **fields,
    }


def evidence(kinds: tuple[str, ...] = ("numeral", "unit"), count: int = 6, **fields: object) -> Evidence:
    """Of each kind the base solves the first two problems, the adapter all but the first."""
    problems = [problem(index, kind) for kind in kinds for index in range(count)]
    by_id = {row.id: row for row in problems}
    base = verify_rollouts([attempt(row, "XII" if int(row.id[-3:]) < 2 else None, "length", 99) for row in problems], by_id)
    adapter = verify_rollouts([attempt(row, "XII" if int(row.id[-3:]) > 0 else "XIII") for row in problems], by_id)
    steps = steps_of(
        [
            manifest("harvest", 1, rows_in=20, metrics={"prompt_tokens": 4000, "completion_tokens": 1234}),
            manifest(
                "filter",
                2,
                rows_in=20,
                dropped={"wrong": 3, HOSTILE: 1},
                outputs={"kept": {"files": [{"path": "part.jsonl", "size": 1, "digest": "", "rows": 16}]}},
                inputs={"traces": {"address": "runs/demo/harvest/traces", "fingerprint": "f"}},
            ),
            manifest("train", 3, seconds=200.0, engines={"torch": "2.13.0"}),
            manifest("evaluate", 4, reused_from="runs/first/evaluate", seconds=0.0),
        ]
    )
    return Evidence(
        settings={"revision": "c", "max_new_tokens": 256},
        base=score(base),
        adapter=score(adapter),
        pairs=pair_up(problems, base, adapter),
        steps=steps,
        **fields,
    )


def rejected(reason: str, response: str = "no") -> Trace:
    trace = attempt(problem(0), None)
    verdict = Verdict(verdict="wrong", rule="competition", extracted="no", gold="XII")
    return trace.model_copy(update={"response": response, "meta": {"rejected": reason}, "verdict": verdict})


RECEIPT = {
    "archive": "submission.zip",
    "sha256": "ab" * 32,
    "bytes": 412280,
    "files": {},
    "rank": 32,
    "scale": 2.0,
    "modules": 14,
    "dead_modules": 0,
    "tensors": 28,
    "parameters": 110848,
    "dtypes": ["F32"],
    "warnings": [],
}
