"""Prompts: the contest's chat form, the `<think>` format and what teachers are told."""
