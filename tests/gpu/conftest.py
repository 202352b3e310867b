"""A GPU for every test marked `gpu`."""

import pytest


@pytest.fixture(scope="session")
def device() -> str:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("NOTHING IS TESTED ON A GPU: torch sees none")
    return "cuda:0"
