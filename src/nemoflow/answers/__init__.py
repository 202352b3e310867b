"""Answers: taking the answer out of a response, and comparing it with the gold one, by rule."""
