"""Whether a folder is a model or an adapter that `from_pretrained` reads, told before anything is loaded."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nemoflow.errors import InputError
from nemoflow.models.headers import INDEX, read_config, read_folder, read_header

NEEDED = ("config.json", "tokenizer_config.json")
VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json")
"""One of them: of the fast tokenizers, of SentencePiece, of byte pairs."""
NEEDED_OF_ADAPTER = ("adapter_config.json", "adapter_model.safetensors")


def need_model(folder: Path, address: str) -> None:
    """InputError names `address` and what it lacks, or the file that is torn."""
    missing = _missing(folder, NEEDED)
    if len(_missing(folder, VOCABULARIES)) == len(VOCABULARIES):
        missing.append(VOCABULARIES[0])
    if not (folder / INDEX).is_file() and not any(folder.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise InputError(f"{address}: holds no {', no '.join(missing)}; a model is a folder of config, safetensors weights and tokenizer")
    read_config(folder)
    read_folder(folder)
    for name in (*NEEDED, VOCABULARIES[0]):
        if (folder / name).is_file():
            _need_json(folder / name)


def need_tokenizer(folder: Path, address: str) -> None:
    """InputError names `address` and what it lacks to turn text into tokens; weights are not asked for."""
    missing = _missing(folder, (NEEDED[1],))
    if len(_missing(folder, VOCABULARIES)) == len(VOCABULARIES):
        missing.append(VOCABULARIES[0])
    if missing:
        raise InputError(f"{address}: holds no {', no '.join(missing)}; the folder of a model with its tokenizer is right")
    for name in (NEEDED[1], VOCABULARIES[0]):
        if (folder / name).is_file():
            _need_json(folder / name)


def read_tokenizer(folder: Path, address: str) -> Any:
    """The tokenizer of a model's folder; InputError where transformers cannot make it, whatever it stumbles over."""
    from transformers import AutoTokenizer

    need_tokenizer(folder, address)
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:
        said = str(error).partition("\n")[0][:200]
        raise InputError(
            f"{address}: its tokenizer cannot be read: {type(error).__name__}: {said}; files of a tokenizer that transformers knows are "
            "right, code that comes with a model is not run"
        ) from error


def need_adapter(folder: Path, address: str) -> None:
    """InputError names `address` and what it lacks, or the file that is torn."""
    missing = _missing(folder, NEEDED_OF_ADAPTER)
    if missing:
        raise InputError(f"{address}: holds no {', no '.join(missing)}; an adapter is a folder as PEFT saves it")
    config, weights = (folder / name for name in NEEDED_OF_ADAPTER)
    _need_json(config)
    read_header(weights)


def _missing(folder: Path, names: Sequence[str]) -> list[str]:
    return [name for name in names if not (folder / name).is_file()]


def _need_json(path: Path) -> None:
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON: {error}") from None
