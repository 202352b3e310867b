"""A step's version is raised when its code changes results: beside each version stands a digest of the code it stands for.

`make versions` accepts the present code: raise the version first where the same config and inputs would give another result.
"""

import ast
import json
import sys
from pathlib import Path

import xxhash

import nemoflow
from nemoflow.steps import STEPS

SOURCE = Path(nemoflow.__file__).parent
GOLDEN = Path(__file__).with_name("versions.json")
PLACE_ROOMS = ("flow", "cli", "pipelines", "store")
"""Rooms that know where a step runs, not what it makes; they are not part of its identity."""


def rooms_of(path: Path, seen: set[Path]) -> set[Path]:
    """Source files that a module imports within the package, itself included."""
    if path in seen:
        return seen
    seen.add(path)
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] != "nemoflow" or (len(parts) > 1 and parts[1] in PLACE_ROOMS):
                continue
            file = SOURCE.joinpath(*parts[1:]).with_suffix(".py")
            if file.is_file():
                rooms_of(file, seen)
    return seen


def code_digest(module: str) -> str:
    """Digest of the syntax trees, without docstrings and comments, of a step's module and of the rooms it uses."""
    digest = xxhash.xxh3_64()
    for file in sorted(rooms_of(SOURCE / "/".join(module.split(".")[1:-1]) / f"{module.split('.')[-1]}.py", set())):
        digest.update(file.relative_to(SOURCE).as_posix().encode())
        digest.update(ast.dump(without_docstrings(ast.parse(file.read_text()))).encode())
    return digest.hexdigest()


def without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))] or [
                ast.Pass()
            ]
    return tree


def present() -> dict[str, dict[str, object]]:
    return {step.name: {"version": step.version, "code": code_digest(step.run.__module__)} for step in STEPS}


def test_code_that_changed_under_a_version_is_noticed():
    golden = json.loads(GOLDEN.read_text())
    changed = [name for name, entry in present().items() if golden.get(name) != entry]
    names = ", ".join(changed)
    assert not changed, f"{names}: the code changed; where results do, raise the version; then `make versions`"


def test_a_change_of_code_changes_the_digest_and_a_comment_does_not():
    one, two, three = "def f():\n    return 1\n", "def f():\n    '''Doc.'''\n    return 1  # why\n", "def f():\n    return 2\n"
    trees = [ast.dump(without_docstrings(ast.parse(text))) for text in (one, two, three)]
    assert trees[0] == trees[1] != trees[2]


if __name__ == "__main__" and "--write" in sys.argv:
    GOLDEN.write_text(json.dumps(present(), indent=1) + "\n")
