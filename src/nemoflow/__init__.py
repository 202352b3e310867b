"""nemoflow: distil a reasoning teacher into a LoRA adapter, as one repeatable run."""

__version__ = "0.1.0"
