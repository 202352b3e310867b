"""The list of system calls that a session may make, as a BPF program. All others fail with EPERM: an exception for the code, not its end.

No process, no program, no socket, no tracing, no mount, no signal to anybody else. Numbers are those of Linux's own headers.
"""

import errno
import os
import struct
import sys
from collections.abc import Sequence

from nemoflow.sandbox import kernel

_NUMBERS = """
    read 0 63; write 1 64; readv 19 65; writev 20 66; pread64 17 67; pwrite64 18 68; preadv 295 69; pwritev 296 70; lseek 8 62;
    close 3 57; close_range 436 436; dup 32 23; dup2 33 -; dup3 292 24; flock 73 32; fsync 74 82; fdatasync 75 83;
    ftruncate 77 46; fallocate 285 47; copy_file_range 326 285; sendfile 40 71;
    open 2 -; openat 257 56; creat 85 -; access 21 -; faccessat 269 48; faccessat2 439 439; stat 4 -; fstat 5 80; lstat 6 -;
    newfstatat 262 79; statx 332 291; statfs 137 43; fstatfs 138 44; readlink 89 -; readlinkat 267 78; getdents 78 -; getdents64 217 61;
    getcwd 79 17; chdir 80 49; fchdir 81 50; mkdir 83 -; mkdirat 258 34; rmdir 84 -; unlink 87 -; unlinkat 263 35; rename 82 -;
    renameat 264 38; renameat2 316 276; link 86 -; linkat 265 37; symlink 88 -; symlinkat 266 36; umask 95 166;
    mmap 9 222; mprotect 10 226; munmap 11 215; mremap 25 216; madvise 28 233; brk 12 214; mincore 27 232; membarrier 324 283;
    rt_sigaction 13 134; rt_sigprocmask 14 135; rt_sigreturn 15 139; rt_sigpending 127 136; rt_sigsuspend 130 133;
    rt_sigtimedwait 128 137; sigaltstack 131 132; pause 34 -; alarm 37 -; setitimer 38 103; getitimer 36 102;
    poll 7 -; ppoll 271 73; select 23 -; pselect6 270 72; epoll_create 213 -; epoll_create1 291 20; epoll_ctl 233 21; epoll_wait 232 -;
    epoll_pwait 281 22; eventfd2 290 19; pipe 22 -; pipe2 293 59; timerfd_create 283 85; timerfd_settime 286 86; timerfd_gettime 287 87;
    nanosleep 35 101; clock_nanosleep 230 115; restart_syscall 219 128; wait4 61 260; waitid 247 95;
    clock_gettime 228 113; clock_getres 229 114; gettimeofday 96 169; time 201 -; times 100 153; getrusage 98 165; getrlimit 97 163;
    sysinfo 99 179; uname 63 160; getrandom 318 278; getcpu 309 168; getpid 39 172; gettid 186 178; getppid 110 173; getpgid 121 155;
    getpgrp 111 -; getsid 124 156; getuid 102 174; geteuid 107 175; getgid 104 176; getegid 108 177; getgroups 115 158;
    getresuid 118 148; getresgid 120 150; getpriority 140 141; capget 125 90;
    futex 202 98; set_robust_list 273 99; get_robust_list 274 100; rseq 334 293; set_tid_address 218 96; arch_prctl 158 -;
    sched_yield 24 124; sched_getaffinity 204 123; sched_getparam 143 121; sched_getscheduler 145 120; sched_get_priority_max 146 125;
    sched_get_priority_min 147 126; exit 60 93; exit_group 231 94;
"""
"""Calls that are free: name, number on x86-64, number on AArch64 (`-` where it has none). Paths are judged by Landlock and the mounts."""

_COLUMN = {"x86_64": 0, "aarch64": 1}
_ARCHITECTURE = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_CLONE, _CLONE3, _KILL, _TGKILL = (56, 220), (435, 435), (62, 129), (234, 131)
_PRLIMIT, _PRCTL, _IOCTL, _FCNTL = (302, 261), (157, 167), (16, 29), (72, 25)

_CLONE_THREAD = 0x0001_0000
_NAMES_OF_THREADS = (15, 16)
"""prctl's PR_SET_NAME and PR_GET_NAME."""
_HARMLESS_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: what Python asks of a file that it opens."""
_HARMLESS_FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 1030)
"""Copies, flags and locks; not F_SETOWN, which sends signals."""

_ALLOW, _KILL_PROCESS, _REFUSE = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARGUMENTS = 0, 4, 16


def is_known_machine() -> bool:
    """Whether the numbers of this machine's calls are known here."""
    return sys.platform == "linux" and kernel.MACHINE in _COLUMN


def program(pid: int, machine: str = kernel.MACHINE) -> bytes:
    """The filter of a process with this pid."""
    column = _COLUMN[machine]
    code = [
        _instruction(_LOAD, value=_ARCH),
        _instruction(_EQUAL, value=_ARCHITECTURE[machine], yes=1),
        _instruction(_RETURN, value=_KILL_PROCESS),
        _instruction(_LOAD, value=_NR),
        _instruction(_AT_LEAST, value=0x4000_0000, no=1),  # x32's numbers would get past those below
        _instruction(_RETURN, value=_KILL_PROCESS),
    ]
    for number in free_calls(machine).values():
        code += _when(number, [_instruction(_RETURN, value=_ALLOW)])
    code += _when(_CLONE[column], _if_word(0, _ANY_BIT, [_CLONE_THREAD]))
    code += _when(_CLONE3[column], [_instruction(_RETURN, value=_REFUSE | errno.ENOSYS)])  # glibc then takes clone, whose flags can be read
    for call in (_KILL, _TGKILL):
        code += _when(call[column], _if_word(0, _EQUAL, [pid]))
    code += _when(_PRLIMIT[column], _if_word(0, _EQUAL, [0]))
    code += _when(_PRCTL[column], _if_word(0, _EQUAL, _NAMES_OF_THREADS))
    code += _when(_IOCTL[column], _if_word(1, _EQUAL, _HARMLESS_IOCTLS))
    code += _when(_FCNTL[column], _if_word(1, _EQUAL, _HARMLESS_FCNTLS))
    return b"".join([*code, _refusal()])


def free_calls(machine: str = kernel.MACHINE) -> dict[str, int]:
    """Numbers of the calls that may be made with any arguments, by name."""
    rows = (entry.split() for entry in _NUMBERS.split(";") if entry.strip())
    return {name: int(numbers[_COLUMN[machine]]) for name, *numbers in rows if numbers[_COLUMN[machine]] != "-"}


def install() -> None:
    """Judge all further calls of this process; it cannot be taken back."""
    kernel.filter_calls(program(os.getpid()))


def _instruction(code: int, value: int = 0, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _refusal() -> bytes:
    return _instruction(_RETURN, value=_REFUSE | errno.EPERM)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    return [_instruction(_EQUAL, value=number, no=len(body)), *body]


def _if_word(argument: int, test: int, values: Sequence[int]) -> list[bytes]:
    """Allow where the lower half of an argument passes the test with one of the values, else refuse."""
    tests = [_instruction(test, value=value, yes=len(values) - place) for place, value in enumerate(values)]
    return [_instruction(_LOAD, value=_ARGUMENTS + 8 * argument), *tests, _refusal(), _instruction(_RETURN, value=_ALLOW)]
