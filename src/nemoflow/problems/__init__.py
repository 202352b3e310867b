"""Problems from files: one source a file, all of them in `catalog`."""
