import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.training.averaging import average_steps, mean_of

A, B = "m.lora_A.default.weight", "m.lora_B.default.weight"


def state(seed, rank=4, outputs=10, inputs=12):
    made = torch.Generator().manual_seed(seed)
    return {A: torch.randn(rank, inputs, generator=made), B: torch.randn(outputs, rank, generator=made)}


def product(weights):
    return weights[B] @ weights[A]


@given(st.integers(0, 1000), st.integers(2, 4))
def test_the_mean_is_the_best_matrix_of_the_rank_to_the_mean_of_the_products(seed, count):
    states = [state(seed + index) for index in range(count)]
    mean = mean_of(states, 4)
    exact = sum(product(each).double() for each in states) / count
    left, sizes, right = torch.linalg.svd(exact)
    best = left[:, :4] * sizes[:4] @ right[:4]
    assert torch.allclose(product(mean.weights).double(), best, atol=1e-4)
    assert mean.left_out == pytest.approx(float(1 - sizes[:4].square().sum() / sizes.square().sum()), abs=1e-6)


@given(st.integers(0, 1000))
def test_the_mean_of_one_update_written_with_different_factors_is_that_update(seed):
    one = state(seed)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(seed)))[0]
    turned = {A: turn @ one[A], B: one[B] @ turn.T}
    mean = mean_of([one, turned], 4)
    assert torch.allclose(product(mean.weights), product(one), atol=1e-4)
    assert mean.left_out < 1e-6


def test_stacked_experts_are_averaged_each_by_itself():
    """As PEFT holds them: A (experts * rank, inputs), B (outputs, rank, experts) as one matrix."""
    single = [[state(10 * index + expert, rank=2, outputs=6, inputs=5) for expert in range(3)] for index in range(2)]
    stacked = [
        {A: torch.cat([each[A] for each in experts]), B: torch.stack([each[B] for each in experts], dim=-1).reshape(6, -1)}
        for experts in single
    ]
    mean = mean_of(stacked, 2).weights
    for expert in range(3):
        alone = mean_of([experts[expert] for experts in single], 2).weights
        own = mean[B].reshape(6, 2, 3)[..., expert] @ mean[A].reshape(3, 2, 5)[expert]
        assert torch.allclose(own, product(alone), atol=1e-4)


def test_weights_that_are_no_pair_are_averaged_one_by_one_and_types_stay():
    states = [{"other": torch.tensor([1.0, 3.0]).bfloat16(), **state(0)}, {"other": torch.tensor([3.0, 5.0]).bfloat16(), **state(1)}]
    mean = mean_of(states, 4).weights
    assert mean["other"].tolist() == [2.0, 4.0]
    assert {name: (weight.dtype, weight.shape) for name, weight in mean.items()} == {
        name: (weight.dtype, weight.shape) for name, weight in states[0].items()
    }


def test_an_adapter_that_learned_nothing_has_a_mean():
    assert mean_of([{A: torch.ones(2, 3), B: torch.zeros(3, 2)}] * 2, 2).left_out == 0.0


@pytest.mark.parametrize(
    ("steps", "count", "every", "expected"),
    [(200, 4, 0, [170, 180, 190, 200]), (10, 3, 4, [2, 6, 10]), (10, 4, 4, [2, 6, 10]), (3, 2, 0, [2, 3]), (100, 0, 0, [])],
)
def test_the_states_to_average_end_with_the_last(steps, count, every, expected):
    assert average_steps(steps, count, every) == expected


def test_experts_of_three_dimensions_are_averaged_each_by_itself():
    """As the adapter on routed experts holds them: A (experts, rank, inputs), B (experts, outputs, rank)."""
    first, second = "m.experts.up_proj_lora_A.default", "m.experts.up_proj_lora_B.default"
    single = [[state(10 * index + expert) for expert in range(3)] for index in range(2)]
    stacked = [
        {first: torch.stack([each[A] for each in experts]), second: torch.stack([each[B] for each in experts])} for experts in single
    ]
    mean = mean_of(stacked, 4).weights
    for expert in range(3):
        alone = mean_of([experts[expert] for experts in single], 4).weights
        assert torch.allclose(mean[second][expert] @ mean[first][expert], product(alone), atol=1e-4)
