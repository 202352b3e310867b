"""The adapter's weights after single steps, kept beside the checkpoints: the best by its held-out loss, and those to take the mean of.

A snapshot holds no state of the optimizer, so it is a third of a checkpoint. A resumed run that comes by the same step again writes the
same bytes again.
"""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any


class Snapshots:
    """Files named by their step in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, step: int, model: Any) -> None:
        """Keep what is trained, as it is after a step."""
        from safetensors.torch import save_file

        self._folder.mkdir(parents=True, exist_ok=True)
        beside = self._folder / "part"
        save_file(trained(model), beside)
        os.replace(beside, self._file(step))

    def load(self, step: int) -> dict[str, Any]:
        """The weights after a step, by name."""
        from safetensors.torch import load_file

        return dict(load_file(self._file(step)))

    def keep(self, steps: Collection[int]) -> None:
        """Remove all others."""
        names = {self._file(step).name for step in steps}
        for path in self._folder.glob("*.safetensors"):
            if path.name not in names:
                path.unlink()

    def _file(self, step: int) -> Path:
        return self._folder / f"step-{step:09d}.safetensors"


def trained(model: Any) -> dict[str, Any]:
    """The weights that training changes, by name, apart from the model."""
    return {name: weight.detach().cpu().clone() for name, weight in model.named_parameters() if weight.requires_grad}


def hold_in_fp32(model: Any) -> None:
    """Hold in fp32 what training changes: TRL casts adapters on a 4-bit base to bf16, where a step of 2e-5 vanishes in the rounding."""
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()


def put_back(model: Any, weights: dict[str, Any]) -> None:
    """Give a model the weights of a snapshot."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.requires_grad:
                weight.copy_(weights[name])
