import re
import struct
from pathlib import Path

import pytest

from nemoflow.sandbox import seccomp

HEADERS = {"x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), "aarch64": Path("/usr/include/asm-generic/unistd.h")}
PROCESS, ALLOWED, REFUSED, UNKNOWN = 4711, 0x7FFF_0000, 0x0005_0001, 0x0005_0026
ARCHITECTURES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}


def judged(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would answer: an interpreter of the few instructions that the filter uses."""
    words = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("=IIQ6Q", number & 0xFFFF_FFFF, architecture, 0, *words)
    rows = list(struct.iter_unpack("=HBBI", program))
    at = held = 0
    while True:
        code, yes, no, value = rows[at]
        at += 1
        if code == 0x06:
            return value
        if code == 0x20:
            held = struct.unpack_from("=I", data, value)[0]
        else:
            test = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            at += yes if test else no


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_exactly_the_named_calls_are_free(machine):
    program, free = seccomp.program(PROCESS, machine), set(seccomp.free_calls(machine).values())
    narrowed = {"x86_64": {56, 435, 62, 234, 302, 157, 16, 72}, "aarch64": {220, 435, 129, 131, 261, 167, 29, 25}}[machine]
    for number in range(1000):
        if number not in narrowed:
            assert judged(program, ARCHITECTURES[machine], number) == (ALLOWED if number in free else REFUSED)


@pytest.mark.parametrize(
    ("machine", "clone", "clone3", "kill", "prlimit", "fcntl"), [("x86_64", 56, 435, 62, 302, 72), ("aarch64", 220, 435, 129, 261, 25)]
)
def test_threads_may_start_and_signals_go_to_oneself(machine, clone, clone3, kill, prlimit, fcntl):
    program, architecture = seccomp.program(PROCESS, machine), ARCHITECTURES[machine]
    assert judged(program, architecture, clone, 0x003D_0F00) == ALLOWED
    assert judged(program, architecture, clone, 17) == REFUSED
    assert judged(program, architecture, clone3, 0x003D_0F00) == UNKNOWN
    assert judged(program, architecture, kill, PROCESS, 9) == ALLOWED
    assert judged(program, architecture, kill, PROCESS + 1, 9) == REFUSED
    assert judged(program, architecture, kill, (1 << 64) - 1, 9) == REFUSED
    assert judged(program, architecture, prlimit, 0) == ALLOWED
    assert judged(program, architecture, prlimit, PROCESS) == REFUSED
    assert judged(program, architecture, fcntl, 3, 2) == ALLOWED
    assert judged(program, architecture, fcntl, 3, 8) == REFUSED


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_another_architectures_calls_end_the_process(machine):
    program = seccomp.program(PROCESS, machine)
    other = ARCHITECTURES["aarch64" if machine == "x86_64" else "x86_64"]
    assert judged(program, other, 0) == judged(program, ARCHITECTURES[machine], 0x4000_0000) == 0x8000_0000


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_numbers_are_those_of_the_kernels_headers(machine):
    if not HEADERS[machine].exists():
        pytest.skip(f"NUMBERS OF {machine} ARE NOT COMPARED: no {HEADERS[machine]}")
    known = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text()))
    known.setdefault("newfstatat", known.get("fstatat"))
    assert {name: known.get(name) for name in seccomp.free_calls(machine)} == {k: str(v) for k, v in seccomp.free_calls(machine).items()}
