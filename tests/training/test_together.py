import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from nemoflow.errors import ConfigError, InputError, RankLost, Stopped
from nemoflow.gang import Gang
from nemoflow.ports import free_port
from nemoflow.training.course import Surroundings
from nemoflow.training.together import meeting, together

pytestmark = pytest.mark.timeout(900)


def do(folder, processes, work, gang=Gang(), stopping=lambda: False, saved=lambda: None):  # noqa: B008  frozen
    """What came of it, and what the first process told."""
    heard = []
    around = Surroundings(folder, saved, lambda *steps: heard.append(steps), heard.append, heard.append, stopping)
    with meeting(gang) as at:
        return together(work, around, processes, at, threads=1), heard


def tell(word, around):
    around.started(3, 1)
    around.advanced({"loss": 0.5})
    around.noted(f"{word} from {around.ranks.index}")
    around.saved()
    (around.checkpoints / f"rank{around.ranks.index}").write_text(str(around.ranks.total(1, around.ranks.index)))
    return around.ranks.all(around.ranks.index * 10)


def refuse(around):
    if around.ranks.index == 1:
        raise InputError("row 7 is wrong")
    around.ranks.wait()


def divide(around):
    around.ranks.wait()
    return 1 // (1 - around.ranks.index)


def die(how, around):
    if around.ranks.index == 1:
        os.kill(os.getpid(), how) if how else os._exit(3)
    around.ranks.wait()


def until_stopped(around):
    rounds = 0
    while not around.ranks.any(around.stopping()):
        rounds += 1
        time.sleep(0.01)
    if len(set(around.ranks.all(rounds))) > 1:
        raise AssertionError("they stopped at different places")
    raise Stopped(f"after {rounds} rounds")


def test_the_first_process_tells_and_returns_and_all_of_them_take_part(tmp_path):
    result, heard = do(tmp_path, 2, partial(tell, "hello"))
    assert result == [0, 10]
    assert heard == [(3, 1), {"loss": 0.5}, "hello from 0"]
    assert [(tmp_path / f"rank{index}").read_text() for index in range(2)] == ["[2.0, 1.0]"] * 2


def called_at(pid):
    """Addresses at which a process can be called, as Linux writes them."""
    held = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in held}


def listen(around):
    """At what addresses each process can be called, and the one that started them."""
    around.ranks.wait()
    return around.ranks.all((called_at(os.getpid()), called_at(os.getppid())))


def test_processes_of_one_machine_hear_that_machine_alone(tmp_path):
    found, _ = do(tmp_path, 2, listen)
    assert {address for both in found for each in both for address in each} == {"0100007F"}


def test_what_is_being_saved_is_not_touched_meanwhile(tmp_path):
    """The process that asks for it goes on only when it is done."""
    marks = []

    def saved():
        time.sleep(0.5)
        marks.append(sorted(path.name for path in tmp_path.iterdir()))

    do(tmp_path, 2, partial(tell, "hello"), saved=saved)
    assert marks in ([[]], [["rank1"]])  # rank0 writes after its save


def test_one_process_that_refuses_is_heard_and_the_others_end(tmp_path):
    with pytest.raises(InputError, match="row 7 is wrong"):
        do(tmp_path, 2, refuse)


def test_a_bug_in_one_process_comes_with_its_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError) as caught:
        do(tmp_path, 2, divide)
    assert "in divide" in caught.value.__notes__[0]


@pytest.mark.parametrize(("how", "said"), [(signal.SIGKILL, "by SIGKILL"), (0, "with 3")])
def test_a_process_that_ends_without_a_word_is_named_and_takes_the_others_along(tmp_path, how, said):
    begun = time.monotonic()
    with pytest.raises(RankLost, match=f"process 1 of 2 ended {said}"):
        do(tmp_path, 2, partial(die, how))
    assert time.monotonic() - begun < 120


def test_a_stop_is_heard_by_all_processes_at_the_same_place(tmp_path):
    asked = threading.Event()
    timer = threading.Timer(8, asked.set)
    timer.start()
    with pytest.raises(Stopped, match=r"after \d+ rounds"):
        do(tmp_path, 2, until_stopped, stopping=asked.is_set)
    timer.join()


def in_two_pods(folder, work):
    """What came of each, or what it raised."""
    port = free_port()

    def pod(index):
        try:
            return do(folder, 2, work, Gang(index, 2, "127.0.0.1", port))
        except RankLost as lost:
            return lost

    with ThreadPoolExecutor() as pods:
        second, first = pods.submit(pod, 1), pods.submit(pod, 0)
    return first.result(), second.result()


def test_two_pods_meet_and_only_the_first_has_a_result(tmp_path):
    first, second = in_two_pods(tmp_path, partial(tell, "hello"))
    assert first == ([0, 10], [(3, 1), {"loss": 0.5}, "hello from 0"])
    assert second == (None, [])


def test_a_pod_that_is_lost_is_told_of_by_the_others_as_what_may_pass(tmp_path):
    first, second = in_two_pods(tmp_path, partial(die, 0))
    assert str(first).startswith("process 0 of 2 lost another; the next attempt goes on from the newest checkpoint: ")
    assert str(second).startswith("process 1 of 2 ended with 3")
    assert first.exit_code == second.exit_code == 75


def test_a_pod_whose_work_is_done_elsewhere_does_not_wait_for_the_first():
    with meeting(Gang(1, 2, "127.0.0.1", 9), finished=lambda: True) as at:
        assert at is None


def test_a_pod_that_waits_for_the_first_hears_a_stop():
    with (
        pytest.raises(Stopped, match="before the first of 2 pods was to be met"),
        meeting(Gang(1, 2, "127.0.0.1", 9), stopping=lambda: True),
    ):
        pass


def test_a_first_pod_whose_port_is_taken_says_so_and_may_be_tried_again():
    with socket.create_server(("", free_port())) as taken:
        port = taken.getsockname()[1]
        said = f"the first of 2 pods cannot be met at its port {port}: .*already in use"
        with pytest.raises(RankLost, match=said), meeting(Gang(0, 2, "127.0.0.1", port)):
            pass


def test_a_first_pod_that_never_comes_is_told_of():
    with pytest.raises(RankLost, match=r"not to be met at 127\.0\.0\.1:9 in 0 s"), meeting(Gang(1, 2, "127.0.0.1", 9), arrival_s=0.3):
        pass


def test_processes_that_pods_cannot_share_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"train\.processes 3: 2 pods need a multiple of 2"):
        do(tmp_path, 3, until_stopped, Gang(0, 2, "127.0.0.1", 0))
