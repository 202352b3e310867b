"""Answers as mathematics: reading what LaTeX and plain text write, without a computer algebra system, and comparing what was read.

`clean` takes off what is there for looks, `tokens` cuts, `parser` reads expressions into `nodes`, `reader` reads whole answers into
`shapes` (numbers with units, lists, intervals, equations, words), `matching` compares shapes and `equality` values.
"""
