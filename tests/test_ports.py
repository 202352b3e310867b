import socket

import pytest

from nemoflow import ports
from nemoflow.ports import free_port


def kernel_gives(monkeypatch, path, text):
    path.write_text(text)
    monkeypatch.setattr(ports, "KERNELS", path)


def test_a_port_is_free_and_none_that_the_kernel_gives_out(monkeypatch, tmp_path):
    kernel_gives(monkeypatch, tmp_path / "range", "10100 60999\n")
    for _ in range(50):
        port = free_port()
        assert 10_000 <= port < 10_100
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_ports_are_drawn_by_chance_so_that_two_who_ask_at_once_do_not_meet():
    assert len({free_port() for _ in range(20)}) > 15


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_at_which_somebody_listens_is_not_given(monkeypatch, tmp_path, host):
    with socket.create_server((host, free_port())) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST", port)
        monkeypatch.setattr(ports, "LAST", port)
        with pytest.raises(OSError, match=f"all ports from {port} to {port} are taken"):
            free_port()


ALL = range(10_000, 30_000)


@pytest.mark.parametrize(("text", "allowed"), [("10000 29998", {29_999}), ("1024 65535", ALL), ("", ALL)])
def test_what_the_kernel_gives_out_is_left_out_while_something_is_left(monkeypatch, tmp_path, text, allowed):
    kernel_gives(monkeypatch, tmp_path / "range", text)
    assert free_port() in allowed
