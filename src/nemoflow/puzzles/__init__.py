"""The contest's kinds of puzzle, one a file, and the teacher that answers them by solver."""
