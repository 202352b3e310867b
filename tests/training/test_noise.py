import logging

import pytest
import torch

from nemoflow.training.noise import hush_libraries


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU the advice is worth reading")
def test_advice_about_gpu_kernels_is_silenced_and_other_warnings_are_not(caplog):
    hush_libraries()
    hush_libraries()
    logger = logging.getLogger("transformers.integrations.hub_kernels")
    logger.addHandler(caplog.handler)
    logger.warning("`scan` is falling back to its reference PyTorch implementation because `x` is not installed.")
    logger.warning("something else")
    logger.removeHandler(caplog.handler)
    assert [record.getMessage() for record in caplog.records] == ["something else"]
