"""Runs code that a model wrote: one interpreter a session, behind walls that the kernel holds. docs/sandbox.md says what they stop."""
