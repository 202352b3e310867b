"""Encoder: texts to embeddings of unit length, by a folder of sentence-transformers or of model2vec.

A static encoder (model2vec) gives a text the same numbers whatever stands beside it; a transformer may differ in the last digits with
what else is in its batch, so that a pair exactly at a threshold may fall on either side of it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nemoflow.errors import ConfigError, InputError


class Encoder(Protocol):
    """Anything that embeds texts."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (texts, dimensions); rows have unit length, or are zero where a text has no known word."""
        ...


class _Unit:
    """Scales what a library's encoder gives."""

    def __init__(self, model: Any, **options: Any) -> None:
        self._model, self._options = model, options

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = np.asarray(self._model.encode(list(texts), **self._options), dtype=np.float32)
        if not np.isfinite(vectors).all():
            raise InputError("the encoder gave numbers that are not finite; check its weights")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def load_encoder(folder: Path, address: str) -> Encoder:
    """The encoder in a folder; InputError where there is none, ConfigError where its library is not installed."""
    if (folder / "modules.json").is_file():
        return _sentence_transformer(folder)
    if _is_model2vec(folder):
        return _model2vec(folder)
    raise InputError(
        f"{address}: no encoder: neither modules.json (sentence-transformers) nor config.json with model_type model2vec is there; "
        "a folder that either library saved is right"
    )


def _is_model2vec(folder: Path) -> bool:
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("model_type") == "model2vec"


def _model2vec(folder: Path) -> Encoder:
    try:
        from model2vec import StaticModel
    except ModuleNotFoundError:
        raise ConfigError("semantic: true needs model2vec for this encoder; `pip install nemoflow[curate]`") from None
    return _Unit(StaticModel.from_pretrained(str(folder)), use_multiprocessing=False)


def _sentence_transformer(folder: Path) -> Encoder:
    try:
        from nemoflow.models.noise import hush_libraries

        hush_libraries()
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError:
        raise ConfigError("semantic: true needs sentence-transformers for this encoder; `pip install nemoflow[embed]`") from None
    return _Unit(SentenceTransformer(str(folder), local_files_only=True), show_progress_bar=False, batch_size=64)
