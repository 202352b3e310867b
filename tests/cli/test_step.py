import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nemoflow.inference import guard
from nemoflow.store import open_store

REDUCED = Path(__file__).parent.parent / "pipelines" / "reduced.toml"


def step(*args):
    """`nemoflow step` in a process of its own, held by this one as by a shell."""
    return subprocess.run(
        [sys.executable, "-m", "nemoflow.cli.main", "step", *map(str, args)], capture_output=True, text=True, check=False, timeout=240
    )


def ended(process, seconds=60.0):
    deadline = time.monotonic() + seconds
    while guard.is_alive(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not guard.is_alive(process)


@pytest.fixture
def woken(tmp_path):
    """A root in which `step wake-teacher` has just ended, and the teacher's process."""
    root = tmp_path / "root"
    done = step(REDUCED, "wake-teacher", "--root", root)
    assert done.returncode == 0, done.stderr
    (record,) = open_store(str(root)).list("runs/reduced/wake-teacher/endpoint")
    process = json.loads((root / record.key).read_bytes())["process"]
    yield root, process["teacher"]
    step(REDUCED, "release-teacher", "--root", root)


def test_a_teacher_that_one_command_wakes_lives_until_another_releases_it(woken):
    root, teacher = woken
    assert not ended(teacher, 1.0)
    released = step(REDUCED, "release-teacher", "--root", root)
    assert released.returncode == 0, released.stderr
    assert ended(teacher)


def test_a_later_failure_of_an_effect_shows_over_an_earlier_success(woken):
    root, _ = woken
    sets = json.dumps({"wake-teacher.command": ["false", "{port}"]})
    assert step(REDUCED, "wake-teacher", "--root", root, "--set", sets).returncode == 75
    shown = subprocess.run(
        [sys.executable, "-m", "nemoflow.cli.main", "show", "reduced", "--root", str(root), "--json"], capture_output=True, check=True
    )
    (node,) = json.loads(shown.stdout)["nodes"]
    assert (node["node"], node["status"], node["exit_code"]) == ("wake-teacher", "failed", 75)


def test_the_last_words_of_a_step_are_its_error(tmp_path):
    words = tmp_path / "words"
    done = step(REDUCED, "nowhere", "--root", tmp_path / "root", "--last-words", words)
    assert done.returncode == 2
    assert words.read_text().startswith("ConfigError: pipeline demo has no node 'nowhere'")
