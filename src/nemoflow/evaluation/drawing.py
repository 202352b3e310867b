"""Sampling with a seed for each row of a batch, for `generate` of transformers, which knows one for the whole batch.

A row's draws depend on its own seed and on how many tokens it has, not on who else is in the batch: the same attempt in another batch, or
after a kill, draws the same numbers. The maximum of log-probabilities plus Gumbel noise is a draw from them (E. J. Gumbel, 1954; C. J.
Maddison et al., "A* sampling", NeurIPS 2014), so greedy decoding of what this returns is sampling.
"""

from collections.abc import Sequence
from typing import Any

from nemoflow.evaluation.asks import Drawing


class Draws:
    """A logits processor for rows with these seeds; a new one for each call of `generate`."""

    def __init__(self, drawing: Drawing, seeds: Sequence[int]) -> None:
        import torch

        self._drawing = drawing
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, ids: Any, scores: Any) -> Any:
        """Scores whose maximum is the token drawn."""
        import torch

        logits = torch.log_softmax(scores.float() / self._drawing.temperature, dim=-1)
        if self._drawing.top_p < 1:
            logits = _nucleus(logits, self._drawing.top_p)
        uniform = torch.stack([torch.rand(scores.shape[-1], generator=row) for row in self._generators])
        return logits - torch.log(-torch.log(uniform.clamp_min(1e-20))).to(logits.device)


def _nucleus(logits: Any, top_p: float) -> Any:
    """Keep the fewest most likely tokens that together reach `top_p` (A. Holtzman et al., arXiv 1904.09751, 2019)."""
    ranked, order = logits.sort(dim=-1, descending=True)
    before = ranked.exp().cumsum(dim=-1) - ranked.exp()
    left_out = (before >= top_p).scatter(-1, order, before >= top_p)
    return logits.masked_fill(left_out, float("-inf"))
