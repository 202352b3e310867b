"""What holds a session on this machine; found by trying, and said plainly."""

from collections.abc import Iterator

from nemoflow.config import Config


class Walls(Config):
    """What a session was found to be held by. System calls are always filtered: without that nothing is run."""

    namespaces: bool = False
    """Own root, processes, network, IPC: other files and processes cannot even be named."""
    why_no_namespaces: str = ""
    """What the kernel said instead."""
    landlock: int = 0
    """Version of Landlock: files by path, from 4 TCP, from 6 signals; 0 for none."""
    user: str = ""
    """Whose rights are left."""
    refusal: str = ""
    """Why no code is run here at all; empty where it is."""

    @property
    def has_files(self) -> bool:
        """Whether a session has a folder of its own to write to."""
        return self.namespaces

    def lines(self) -> Iterator[str]:
        """In words."""
        yield "system calls: a list of some 130; no process, program, socket, tracing, signal to others"
        yield "namespaces: own root, processes, network" if self.namespaces else f"namespaces: none ({self.why_no_namespaces})"
        yield f"Landlock: version {self.landlock}" if self.landlock else "Landlock: none"
        yield "files: read Python's libraries; write " + ("its own folder in memory" if self.has_files else "nothing")
        yield f"runs as {self.user}"
