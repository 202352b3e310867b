"""All attacks, by root, by an ordinary user, and where the machine gives no namespaces, as in a container with the default profile."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import nemoflow

PROGRAM = Path(__file__).with_name("attacks.py")
PLAIN_USER = 65534
NAMES = 20
"""Of attacks, at least."""


@pytest.fixture
def secret() -> Iterator[Path]:
    """A file that every user may read, so that only the walls keep a session from it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "secret"
        file.write_text("the owner's secret")
        file.parent.chmod(0o755)
        file.chmod(0o644)
        yield file


def packages() -> str:
    return os.pathsep.join([str(Path(nemoflow.__file__).parent.parent), *(path for path in sys.path if path.endswith("site-packages"))])


def tried(command: list[str], secret: Path, *options: str) -> dict:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": packages(), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, str(PROGRAM), "--secret", str(secret), *options], cwd="/", env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def plain_users_python() -> str:
    """An interpreter of this version that a user without rights may run: that of the tests may lie in root's own folder."""
    if os.geteuid() != 0:
        pytest.skip("THE OTHER USER IS NOT TESTED: only root may become one; the test as oneself is that of a plain user here")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    probe = "import nemoflow.sandbox.session, numpy"
    for program in filter(None, (sys.executable, f"/usr/bin/{version}", shutil.which(version))):
        environment = {"PYTHONPATH": packages()}
        try:
            done = subprocess.run([program, "-c", probe], user=PLAIN_USER, group=PLAIN_USER, cwd="/", env=environment, capture_output=True)
        except PermissionError:
            continue
        if done.returncode == 0:
            return program
    pytest.skip(f"A PLAIN USER IS NOT TESTED: no {version} and packages that he may read")


def all_held(found: dict) -> None:
    through = {name: said for name, said in found["attacks"].items() if said != "held"}
    assert not through
    assert len(found["attacks"]) >= NAMES


def test_no_attack_gets_out_of_a_session(secret):
    found = tried([sys.executable], secret)
    all_held(found)


def test_no_attack_gets_out_of_a_plain_users_session(secret):
    found = tried([plain_users_python()], secret, "--as-user", str(PLAIN_USER))
    assert found["walls"]["user"] == f"the user {PLAIN_USER}"
    all_held(found)


def test_no_attack_gets_out_where_there_are_no_namespaces(secret):
    found = tried([sys.executable], secret, "--no-unshare")
    assert not found["walls"]["namespaces"]
    assert "Operation not permitted" in found["walls"]["why_no_namespaces"]
    all_held(found)


def test_no_attack_gets_out_of_a_plain_users_session_without_namespaces(secret):
    """What a locked pod is: no right, no namespaces."""
    found = tried([plain_users_python()], secret, "--as-user", str(PLAIN_USER), "--no-unshare")
    assert not found["walls"]["namespaces"]
    all_held(found)
