"""Products with routed experts on a GPU: those of a CPU in full precision, within what the GPU's arithmetic leaves."""

import pytest
import torch
from tests.models.test_experts import drawn, gradient, one_by_one

from nemoflow.models.experts import Groups, dense_experts, multiply
from nemoflow.training.quantised import quantise_stacked

pytestmark = pytest.mark.gpu
NEAR = {torch.float32: 1e-3, torch.bfloat16: 5e-2}


@pytest.mark.parametrize("dtype", NEAR, ids=str)
@pytest.mark.parametrize("shape", [(10, 32), (16, 96), (64, 64)], ids=str)
@pytest.mark.parametrize("counts", [(3, 0, 5, 1), (0, 0, 7, 0), (1, 1, 1, 1), (64, 0, 1, 127)], ids=str)
def test_a_product_with_experts_in_4_bits_and_its_gradient_are_those_of_their_rounded_weights(device, counts, shape, dtype):
    held = quantise_stacked(drawn(4, *shape).to(device, dtype))
    rows, same = (drawn(sum(counts), shape[1], seed=1) for _ in range(2))
    rows, same = rows.to(device, dtype).requires_grad_(), same.requires_grad_()
    product = multiply(rows, held, Groups(counts))
    expected = one_by_one(same, dense_experts(held).float().cpu(), counts)
    near(product, expected, dtype)
    product.backward(drawn(*product.shape, seed=7).to(device, dtype))
    near(rows.grad, gradient(expected, same), dtype)


@pytest.mark.parametrize("dtype", NEAR, ids=str)
@pytest.mark.parametrize("rank", [4, 32])
def test_pairs_of_matrices_on_experts_learn_what_they_learn_on_a_cpu(device, rank, dtype):
    counts = Groups((3, 0, 5, 1))
    grown = []
    for where, kind in (("cpu", torch.float32), (device, dtype)):
        first, second = (drawn(4, *shape, seed=shape[0]).requires_grad_() for shape in ((rank, 64), (48, rank)))
        rows = drawn(9, 64, seed=2).to(where, kind)
        product = multiply(multiply(rows, first.to(where, kind), counts), second.to(where, kind), counts)
        product.float().square().mean().backward()
        grown.append((first.grad, second.grad))
    for mine, expected in zip(grown[1], grown[0], strict=True):
        near(mine, expected, dtype)


def test_experts_are_rounded_as_on_a_cpu(device):
    weight = drawn(4, 64, 64)
    here, there = dense_experts(quantise_stacked(weight)), dense_experts(quantise_stacked(weight.to(device))).cpu()
    assert (here - there).abs().mean() < 0.01 * weight.abs().mean()


def near(mine, expected, dtype):
    """Within a share of the largest: sums of rounded products are off by that, not by a share of their own."""
    assert (mine.detach().float().cpu() - expected.detach()).abs().max() <= NEAR[dtype] * expected.detach().abs().max()
