"""What the libraries print on their own, silenced where it tells a reader nothing: the steps have a progress of their own."""

import logging


def hush_libraries() -> None:
    """No progress bars of transformers; on a machine without a GPU no advice about GPU kernels either."""
    import torch
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if not torch.cuda.is_available():
        for name in ("transformers.integrations.hub_kernels", "bitsandbytes.backends.cpu.ops"):
            logging.getLogger(name).addFilter(_is_no_kernel_advice)


def _is_no_kernel_advice(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    return "falling back to its reference" not in text and "kernels-community" not in text
