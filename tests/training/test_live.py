from hypothesis import given
from hypothesis import strategies as st

from nemoflow.training.live import LiveLog


def log_at(path, steps):
    log = LiveLog(path)
    for step in range(1, steps + 1):
        log.add({"step": step, "loss": 1 / step})
    return log


def test_a_step_is_there_to_be_read_as_soon_as_it_is_added(tmp_path):
    log = log_at(tmp_path / "live", 1)
    assert LiveLog(tmp_path / "live").rows() == [{"step": 1, "loss": 1.0}]
    log.add({"step": 2, "loss": 0.5})
    assert [row["step"] for row in LiveLog(tmp_path / "live").rows()] == [1, 2]


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 30))
def test_a_resumed_run_goes_on_behind_its_checkpoint_wherever_the_log_was_torn(tmp_path_factory, written, finished, torn):
    path = tmp_path_factory.mktemp("live") / "live"
    log_at(path, written)
    if path.exists():
        path.write_bytes(path.read_bytes()[: max(0, path.stat().st_size - torn)])
    log = LiveLog(path)
    log.resume(finished, {"step": finished, "held_out_loss": 3.0})
    log.add({"step": finished + 1, "loss": 0.0})
    steps = [row["step"] for row in log.rows()]
    assert steps == sorted(set(steps))
    assert steps[-1] == finished + 1
    assert all("held_out_loss" in row for row in log.rows() if row["step"] == finished)
