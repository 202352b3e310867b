"""The mean of an adapter's last states. What a model sees of LoRA is the product B A, so it is the product that is averaged.

The mean of products is not the product of means: factors may turn against each other along a run while their product stays. The exact
mean of k products of rank r has rank k r at most; of that the best matrix of rank r (by singular values) is kept, and what it leaves out
is told.
With the factors stacked, B' = [B1 .. Bk]/k and A' = [A1; ..; Ak], the mean is B' A': a QR of each and one SVD of k r by k r numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

A, B = "lora_A.", "lora_B."


@dataclass(frozen=True)
class Mean:
    """Weights of the mean, by name."""

    weights: dict[str, Any]
    left_out: float
    """Share of the mean update's squared size that rank r could not hold, 0 to 1."""


def average_steps(steps: int, count: int, every: int) -> list[int]:
    """Steps whose states are averaged: the last one and those before it, `every` apart (0: a twentieth of the run).

    Example: `average_steps(200, 4, 0)` is [170, 180, 190, 200].
    """
    apart = every or max(1, steps // 20)
    return sorted({steps - apart * index for index in range(count) if steps - apart * index > 0})


def mean_of(states: Sequence[Mapping[str, Any]], rank: int) -> Mean:
    """The mean of adapters of one shape and rank; weights that are no pair of factors are averaged one by one."""
    import torch

    weights: dict[str, Any] = {}
    whole = kept = 0.0
    for name in states[0]:
        if name in weights:
            continue
        partner = name.replace(A, B)
        if partner == name or partner not in states[0]:
            weights[name] = torch.stack([state[name].double() for state in states]).mean(dim=0).to(states[0][name].dtype)
            continue
        down, up, sizes = _mean_product([state[name] for state in states], [state[partner] for state in states], rank)
        weights[name], weights[partner] = down, up
        squares = sizes.square()
        whole, kept = whole + float(squares.sum()), kept + float(squares[..., :rank].sum())
    return Mean(weights, 1 - kept / whole if whole else 0.0)


def _mean_product(downs: Sequence[Any], ups: Sequence[Any], rank: int) -> tuple[Any, Any, Any]:
    """Factors of rank `rank` as the first ones are shaped, and all singular values of the mean."""
    import torch

    shapes = downs[0].shape, ups[0].shape
    down = torch.cat([_stacked_down(weight.double(), rank) for weight in downs], dim=-2)
    up = torch.cat([_stacked_up(weight.double(), rank) for weight in ups], dim=-1) / len(ups)
    up_base, up_rest = torch.linalg.qr(up)
    down_base, down_rest = torch.linalg.qr(down.mT)
    left, sizes, right = torch.linalg.svd(up_rest @ down_rest.mT)
    root = sizes[..., :rank].sqrt()
    new_up = up_base @ left[..., :, :rank] * root[..., None, :]
    new_down = root[..., :, None] * (right[..., :rank, :] @ down_base.mT)
    if new_down.dim() == 3 and len(shapes[0]) == 2:
        new_up = new_up.permute(1, 2, 0)
    return new_down.reshape(shapes[0]).to(downs[0].dtype), new_up.reshape(shapes[1]).to(ups[0].dtype), sizes


def _stacked_down(weight: Any, rank: int) -> Any:
    """PEFT holds the factors of stacked experts as one matrix: A as (experts, rank, inputs)."""
    return weight if weight.dim() > 2 or weight.shape[0] == rank else weight.reshape(-1, rank, weight.shape[1])


def _stacked_up(weight: Any, rank: int) -> Any:
    """And B as (outputs, rank, experts)."""
    return weight if weight.dim() > 2 or weight.shape[1] == rank else weight.reshape(weight.shape[0], rank, -1).permute(2, 0, 1)
