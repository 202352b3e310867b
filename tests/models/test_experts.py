"""Products with routed experts: whatever the routing, in 4 bits or not, they are what transformers' own loop gives."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.families import tiny
from torch.utils.checkpoint import checkpoint

from nemoflow.models.experts import Groups, dense_experts, forward_experts, is_plain, is_routed, multiply
from nemoflow.training.quantised import quantise_stacked

COUNTS = st.lists(st.integers(0, 5), min_size=1, max_size=6)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def one_by_one(rows, dense, counts):
    """What the product is, the simple way."""
    pieces, start = [], 0
    for expert, count in enumerate(counts):
        pieces.append(rows[start : start + count] @ dense[expert].T)
        start += count
    return torch.cat(pieces)


def gradient(product, rows):
    product.backward(drawn(*product.shape, seed=7))
    return rows.grad


@settings(max_examples=25)
@given(COUNTS, st.sampled_from([(10, 32), (16, 96), (32, 64)]), st.booleans())
def test_a_product_and_its_gradient_are_those_of_each_expert_alone_whatever_the_counts(counts, shape, in_4_bits):
    weight, inputs = drawn(len(counts), *shape), shape[1]
    held = quantise_stacked(weight) if in_4_bits else weight
    dense = dense_experts(held) if in_4_bits else weight
    rows, same = (drawn(sum(counts), inputs, seed=1).requires_grad_() for _ in range(2))
    product, expected = multiply(rows, held, Groups(tuple(counts))), one_by_one(same, dense, counts)
    torch.testing.assert_close(product, expected)
    torch.testing.assert_close(gradient(product, rows), gradient(expected, same))


@settings(max_examples=25)
@given(COUNTS.filter(any))
def test_experts_that_learn_get_their_own_rows_gradient_and_the_kernel_is_asked_for_none_of_an_expert_without_rows(counts):
    weight, same = (drawn(len(counts), 16, 32).requires_grad_() for _ in range(2))
    rows, kernel, ends = drawn(sum(counts), 32, seed=1), torch.nn.functional.grouped_mm, []

    def heard(*operands, offs):
        ends.extend(offs.tolist())
        return kernel(*operands, offs=offs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "grouped_mm", heard)
        product = multiply(rows, weight, Groups(tuple(counts)))
    assert len(set(ends)) == len(ends) == sum(count > 0 for count in counts)
    torch.testing.assert_close(gradient(product, weight), gradient(one_by_one(rows, same, counts), same))


@given(COUNTS, st.integers(1, 4))
def test_blocks_hold_every_row_once_and_experts_without_rows_never(counts, size):
    placed = [(experts_, place, ends) for experts_, place, ends in Groups(tuple(counts)).blocks(size)]
    covered = [row for _, place, _ in placed for row in range(place.start, place.stop)]
    assert covered == list(range(sum(counts)))
    assert [expert for block, _, _ in placed for expert in block] == [expert for expert, count in enumerate(counts) if count]
    assert all(len(block) <= size and ends[-1] == place.stop - place.start for block, place, ends in placed)


@pytest.mark.parametrize("block_bytes", [1, 3 * 64 * 32 * 4])
def test_a_product_is_the_same_however_few_experts_are_dense_at_once(block_bytes):
    weight, counts = quantise_stacked(drawn(6, 64, 32)), Groups((2, 0, 3, 1, 0, 6))
    rows, same = (drawn(12, 32, seed=1).requires_grad_() for _ in range(2))
    product, whole = multiply(rows, weight, counts, block_bytes), multiply(same, weight, counts)
    torch.testing.assert_close(product, whole)
    torch.testing.assert_close(gradient(product, rows), gradient(whole, same))


def test_a_product_with_experts_in_4_bits_keeps_nothing_dense_for_the_way_back():
    weight = quantise_stacked(drawn(4, 32, 32))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        multiply(drawn(8, 32, seed=1).requires_grad_(), weight, Groups((2, 2, 2, 2)))
    assert kept == []


def routed(family):
    return next(module for module in tiny(family).modules() if is_routed(module))


def asked(tokens=9, count=4, chosen=2):
    """(hidden, index, weights) as a router hands them on."""
    scores, index = drawn(tokens, count, seed=3).softmax(-1).topk(chosen)
    return drawn(tokens, 32, seed=4), index, scores


@pytest.mark.parametrize("family", ["nemotron_h", "qwen3_moe", "mixtral"])
def test_the_answer_is_that_of_transformers_own_loop(family):
    module = routed(family)
    hidden, index, weights = asked()
    loop = type(module).forward.__wrapped__  # the model's own, which all other ways are decorated over
    torch.testing.assert_close(forward_experts(module, hidden, index, weights), loop(module, hidden, index, weights))


def test_gradients_reach_the_tokens_and_the_routers_weights_as_in_full_precision():
    module = routed("nemotron_h")
    (first, index, scores), (second, _, same) = asked(), asked()
    for hidden, weights in ((first, scores), (second, same)):
        hidden.requires_grad_(), weights.requires_grad_()
    forward_experts(module, first, index, scores).backward(drawn(9, 32, seed=5))
    type(module).forward.__wrapped__(module, second, index, same).backward(drawn(9, 32, seed=5))
    torch.testing.assert_close(first.grad, second.grad)
    torch.testing.assert_close(scores.grad, same.grad)


def test_recomputed_activations_give_the_same_gradients():
    weight = quantise_stacked(drawn(4, 32, 32))
    rows, same = (drawn(8, 32, seed=1).requires_grad_() for _ in range(2))
    counts = Groups((3, 0, 5, 0))
    again = checkpoint(lambda rows: multiply(rows, weight, counts).relu().square(), same, use_reentrant=False)
    assert torch.equal(gradient(multiply(rows, weight, counts).relu().square(), rows), gradient(again, same))


def test_experts_with_biases_and_modules_of_another_kind_are_told_apart():
    modules = routed("nemotron_h"), routed("gpt_oss"), torch.nn.Linear(2, 2)
    assert [is_routed(module) for module in modules] == [True, True, False]
    assert [is_plain(module) for module in modules] == [True, False, False]
