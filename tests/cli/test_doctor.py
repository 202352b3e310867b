import pytest

from nemoflow.cli.doctor import CHECKS
from nemoflow.cli.main import main


def says(capsys, *args):
    """Exit code of doctor and what its lines are about."""
    try:
        main(["doctor", *map(str, args)])
    except SystemExit as end:
        code = end.code
    else:
        code = 0
    out = capsys.readouterr()
    return code, [line[:24] for line in out.out.splitlines()], out.err


def test_the_machine_is_what_is_looked_at_without_a_checks_name(tmp_path, capsys):
    root = tmp_path / "root"
    bare = says(capsys, "--root", root)
    assert bare == says(capsys, "machine", "--root", root)
    assert bare[0] == 0
    absent = tmp_path / "no.toml"
    code, _, error = says(capsys, absent)
    assert (code, error) == (2, says(capsys, "machine", absent)[2])
    assert "no such file" in error


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_has_help_and_stands_in_the_groups(check, capsys):
    main(["doctor", "--help"])
    assert CHECKS[check][1] in " ".join(capsys.readouterr().out.split())
    main(["doctor", check, "--help"])
    assert f"Usage: nemoflow doctor {check}" in capsys.readouterr().out
