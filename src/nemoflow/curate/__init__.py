"""Curate: what a student learns from is kept, the rest is dropped with a reason; nothing here knows of runs or addresses."""
