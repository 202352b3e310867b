"""Products of rows with the routed experts of a layer, which may be held in 4 bits: the same path on a CPU and a GPU.

The rows of all tokens are sorted by expert, so that a layer is a few grouped products and no loop over 128 experts. Experts in 4 bits are
turned back a block at a time, only those that rows went to, and again on the way back: neither pass keeps them, and as they do not learn,
nothing of what went in has to be kept for them either.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import torch
from bitsandbytes.functional import QuantState, dequantize_4bit, dequantize_blockwise
from bitsandbytes.nn import Params4bit
from torch import Tensor

IMPLEMENTATION = "nemoflow"
"""Name under which transformers' experts modules find `forward_experts`."""
BLOCK_BYTES = 1 << 31
"""Most that is turned back at once; a projection of a layer of Nemotron-3-Nano takes 1.3 GB in bf16."""
ALIGNMENT = 16
"""Bytes that a row must be a multiple of for the grouped kernel."""

Added = Callable[[str, Tensor], Tensor | None]
"""(name of a projection, its rows) -> what an adapter adds to the product."""


@dataclass(frozen=True)
class Groups:
    """How many of the rows, sorted by expert, each expert has."""

    counts: tuple[int, ...]

    @classmethod
    def of(cls, experts: Tensor, count: int) -> "Groups":
        """From the expert of each row, in any order."""
        return cls(tuple(torch.bincount(experts, minlength=count).tolist()))

    def blocks(self, size: int) -> Iterator[tuple[list[int], slice, list[int]]]:
        """(at most `size` experts that have rows, where their rows lie, where within them each expert's rows end)."""
        starts = [0, *accumulate(self.counts)]
        busy = [expert for expert, count in enumerate(self.counts) if count]
        for first in range(0, len(busy), size):
            experts = busy[first : first + size]
            start = starts[experts[0]]
            yield experts, slice(start, starts[experts[-1] + 1]), [starts[expert + 1] - start for expert in experts]


def is_routed(module: Any) -> bool:
    """Whether it is an experts module of transformers: stacked parameters behind one `forward`, whichever model's."""
    return all(hasattr(module, name) for name in ("num_experts", "has_gate", "has_bias", "is_transposed", "down_proj"))


def is_plain(module: Any) -> bool:
    """Whether its experts are (experts, outputs, inputs) without biases and norms: what `forward_experts` computes."""
    return is_routed(module) and not (module.has_bias or module.is_transposed or module.has_post_expert_norm)


def forward_experts(self: Any, hidden_states: Tensor, top_k_index: Tensor, top_k_weights: Tensor) -> Tensor:
    """What an experts module of transformers computes: (tokens, width) -> the same, each token the weighted sum of its experts."""
    return route(self, hidden_states, top_k_index, top_k_weights, lambda part, rows, groups: None)


def route(
    experts: Any,
    hidden: Tensor,
    index: Tensor,
    weights: Tensor,
    added: Callable[[str, Tensor, Groups], Tensor | None],
) -> Tensor:
    """Sort the tokens by expert, ask the experts, weigh and sum; `added` is what an adapter adds to a projection."""
    chosen = index.reshape(-1)
    order = chosen.argsort(stable=True)
    groups = Groups.of(chosen, experts.num_experts)
    answers = _ask(experts, hidden[order // index.shape[-1]], groups, lambda part, rows: added(part, rows, groups))
    weighted = answers * weights.reshape(-1)[order, None]
    return weighted[order.argsort()].view(*index.shape, -1).sum(dim=1).to(hidden.dtype)


def _ask(experts: Any, rows: Tensor, groups: Groups, added: Added) -> Tensor:
    first = "gate_up_proj" if experts.has_gate else "up_proj"
    inner = _sum(multiply(rows, getattr(experts, first), groups), added(first, rows))
    inner = experts._apply_gate(inner) if experts.has_gate else experts.act_fn(inner)
    return _sum(multiply(inner, experts.down_proj, groups), added("down_proj", inner))


def _sum(product: Tensor, more: Tensor | None) -> Tensor:
    return product if more is None else product + more.to(product.dtype)


def multiply(rows: Tensor, weight: Tensor, groups: Groups, block_bytes: int = BLOCK_BYTES) -> Tensor:
    """Each group of rows (rows, inputs) times the transpose of its expert in `weight` (experts, outputs, inputs)."""
    if isinstance(weight, Params4bit):
        product: Tensor = _Frozen.apply(rows.to(weight.quant_state.dtype), weight, groups, block_bytes)  # type: ignore[no-untyped-call]
        return product
    counts = groups.counts
    if weight.requires_grad and 0 in counts and any(counts):
        # On Blackwell (B200) torch's kernel leaves what stood in memory as the gradient of a group without rows: pytorch/pytorch#172439
        busy = [expert for expert, count in enumerate(counts) if count]
        weight, counts = weight[torch.tensor(busy, device=weight.device)], tuple(counts[expert] for expert in busy)
    return _grouped(rows.to(weight.dtype), weight.transpose(1, 2), list(accumulate(counts)))


class _Frozen(torch.autograd.Function):
    """A product with experts in 4 bits: keeps neither the rows nor the experts in full precision."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Params4bit, groups: Groups, block_bytes: int) -> Tensor:
        ctx.blocks = weight, groups, block_bytes
        blocks = _dense_blocks(weight, groups, block_bytes)
        return _joined(
            [_grouped(rows[place], dense.transpose(1, 2), ends) for dense, place, ends in blocks], rows, weight.quant_state.shape[1]
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        gradient = gradients[0].contiguous()
        products = [_grouped(gradient[place], dense, ends) for dense, place, ends in _dense_blocks(*ctx.blocks)]
        return _joined(products, gradient, ctx.blocks[0].quant_state.shape[2]), None, None, None


def _joined(products: Sequence[Tensor], rows: Tensor, width: int) -> Tensor:
    """Products of blocks that follow each other as one; a copy only where there are several."""
    return products[0] if len(products) == 1 else torch.cat([rows.new_empty(0, width), *products])


def _dense_blocks(weight: Params4bit, groups: Groups, block_bytes: int) -> Iterator[tuple[Tensor, slice, list[int]]]:
    """The experts that have rows, in full precision, a block at a time, and the rows that are theirs."""
    state = weight.quant_state
    one = state.shape[1] * state.shape[2] * state.dtype.itemsize
    statistics = block_statistics(state)
    for experts, place, ends in groups.blocks(max(1, block_bytes // one)):
        yield _dense(weight, statistics, experts), place, ends


def block_statistics(state: QuantState) -> Tensor:
    """The largest magnitude of each block of 64 weights, which may itself be held in 8 bits."""
    largest: Tensor = dequantize_blockwise(state.absmax, state.state2) + state.offset if state.nested else state.absmax
    return largest


def dense_experts(weight: Params4bit) -> Tensor:
    """All experts (experts, outputs, inputs) in the precision that they were loaded with."""
    return _dense(weight, block_statistics(weight.quant_state), range(weight.quant_state.shape[0]))


def _dense(weight: Params4bit, statistics: Tensor, experts: Sequence[int]) -> Tensor:
    """As (blocks, 64): on a CPU bitsandbytes 0.50 turns rows back wrongly whose length is no multiple of the block."""
    state = weight.quant_state
    count, outputs, inputs = state.shape
    packed, largest = (_rows_of(part.view(count, -1), experts) for part in (weight.data, statistics))
    chosen = QuantState(
        absmax=largest.reshape(-1),
        shape=torch.Size((largest.numel(), state.blocksize)),
        code=state.code,
        blocksize=state.blocksize,
        quant_type=state.quant_type,
        dtype=state.dtype,
    )
    dense: Tensor = dequantize_4bit(packed.reshape(-1, 1), chosen)
    return dense.view(len(experts), outputs, inputs)


def _rows_of(table: Tensor, numbers: Sequence[int]) -> Tensor:
    """A view where the rows follow each other, else a copy."""
    if numbers[-1] - numbers[0] + 1 == len(numbers):
        return table[numbers[0] : numbers[-1] + 1]
    return table[torch.tensor(numbers, device=table.device)]


def _grouped(rows: Tensor, weights: Tensor, ends: Sequence[int]) -> Tensor:
    """Rows up to `ends[0]` times weights[0], those up to `ends[1]` times weights[1] ...; weights are (groups, inputs, outputs)."""
    if _has_kernel(rows, weights):
        return torch.nn.functional.grouped_mm(rows, weights, offs=torch.tensor(ends, dtype=torch.int32, device=rows.device))
    return torch.cat([rows[start:end] @ weights[group] for group, (start, end) in enumerate(pairwise([0, *ends]))])


def _has_kernel(rows: Tensor, weights: Tensor) -> bool:
    widths = weights.shape[1] * rows.dtype.itemsize, weights.shape[2] * rows.dtype.itemsize
    is_able = rows.device.type != "cuda" or torch.cuda.get_device_capability(rows.device) >= (8, 0)
    return is_able and hasattr(torch.nn.functional, "grouped_mm") and not any(width % ALIGNMENT for width in widths)
