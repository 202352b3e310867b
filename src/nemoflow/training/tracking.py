"""Trackers that a run is shown in while it trains: TensorBoard, trackio, Weights & Biases, each through the callback that transformers has.

They write into the run's scratch folder, which is kept beside the adapter. What is secret (`WANDB_API_KEY`, `HF_TOKEN`) they
take from the environment by themselves; without a key W&B writes to its folder, to be sent later by `wandb sync`.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from nemoflow.errors import ConfigError

TRACKERS = ("tensorboard", "trackio", "wandb")


def need_trackers(names: Collection[str]) -> None:
    """ConfigError for a tracker that is not installed."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise ConfigError(f"train.track: {missing[0]} is not installed; `pip install {' '.join(missing)}`, or leave it out")


@contextmanager
def where_trackers_write(folder: Path, names: Collection[str]) -> Iterator[None]:
    """Tell them the folder by their own variables; what the environment says already stands."""
    if not names:
        yield
        return
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    wanted = {
        "TENSORBOARD_LOGGING_DIR": str(folder / "tensorboard"),
        "TRACKIO_DIR": str(folder / "trackio"),
        "WANDB_DIR": str(folder / "wandb"),
        "WANDB_PROJECT": "nemoflow",
        "WANDB_DISABLE_GIT": "true",
        "WANDB_SILENT": "true",
        **({} if "WANDB_API_KEY" in os.environ else {"WANDB_MODE": "offline"}),
    }
    with _environment({name: value for name, value in wanted.items() if name not in os.environ}):
        yield


@contextmanager
def _environment(added: Mapping[str, str]) -> Iterator[None]:
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
