import pytest

from nemoflow.errors import ConfigError
from nemoflow.training.alarms import STUCK_SHARE, ZERO_STEPS, Alarms, Suspects, asked_at

SUSPECTS = Suspects(2e-5, "bf16", "q_proj, v_proj", 1234)


def row(step, loss=1.0, norm=1.0):
    return {"step": step, "loss": loss, "grad_norm": norm}


@pytest.mark.parametrize("fields", [{"loss": float("nan")}, {"loss": float("inf")}, {"norm": float("nan")}, {"norm": float("inf")}])
def test_what_is_no_number_stops_the_run_at_once(fields):
    with pytest.raises(ConfigError, match=r"at step 7: no number to learn from; look at train\.learning_rate \(2e-05; try a tenth\)"):
        Alarms(SUSPECTS).check(row(7, **fields))


def test_a_gradient_of_zero_stops_the_run_after_so_many_steps_on_end():
    alarms = Alarms(SUSPECTS)
    for step in range(1, ZERO_STEPS):
        alarms.check(row(step, norm=0.0))
    with pytest.raises(ConfigError, match=r"gradient norm was 0 in steps 1 to 3: .* train\.targets \(q_proj, v_proj; 1,234 weights"):
        alarms.check(row(ZERO_STEPS, norm=0.0))


def test_zeros_with_a_gradient_between_them_do_not_stop_the_run():
    alarms = Alarms(SUSPECTS)
    for step in range(1, 50):
        alarms.check(row(step, norm=0.0 if step % ZERO_STEPS else 1e-9))


@pytest.mark.parametrize(("base", "adapted", "is_stuck"), [(2.0, 2.0, True), (2.0, 2.001, True), (2.0, 1.99, False), (2.0, 2.5, False)])
def test_a_loss_is_stuck_where_the_adapter_changes_it_by_less_than_the_stated_share(base, adapted, is_stuck):
    assert is_stuck == (abs(adapted - base) < STUCK_SHARE * base)
    if not is_stuck:
        Alarms(SUSPECTS).need_change(60, base, adapted)
        return
    with pytest.raises(
        ConfigError, match=r"loss is stuck: after step 60 it is .* without the adapter .* train\.learning_rate \(2e-05; try ten"
    ):
        Alarms(SUSPECTS).need_change(60, base, adapted)


@pytest.mark.parametrize(
    ("steps", "warmup", "step"), [(1000, 100, 150), (1000, 0, 50), (150, 100, 150), (40, 10, 40), (16, 0, None), (5, 5, None)]
)
def test_the_loss_is_asked_for_once_some_steps_after_the_warm_up(steps, warmup, step):
    assert asked_at(steps, warmup) == step
