import logging

import pytest
import torch

from nemoflow.models.noise import hush_libraries


class Seen(logging.Handler):
    """Messages that reach the logger's own handlers; what propagates depends on what else the process imported."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU the advice is worth reading")
def test_advice_about_gpu_kernels_is_silenced_and_other_warnings_are_not():
    hush_libraries()
    hush_libraries()
    logger = logging.getLogger("transformers.integrations.hub_kernels")
    seen = Seen()
    logger.addHandler(seen)
    logger.warning("`scan` is falling back to its reference PyTorch implementation because `x` is not installed.")
    logger.warning("something else")
    logger.removeHandler(seen)
    assert seen.messages == ["something else"]
