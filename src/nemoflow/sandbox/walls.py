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
        """In words: what it is about, a colon, what holds."""
        yield "calls: some 130 of the kernel's; no process, program, socket, tracing, signal to others"
        yield "spaces: own root, processes, network" if self.namespaces else f"spaces: none of its own ({self.why_no_namespaces})"
        yield f"landlock: version {self.landlock}" if self.landlock else "landlock: none"
        yield "files: reads Python's libraries, writes " + ("a folder of its own in memory" if self.has_files else "nowhere")
        yield f"user: {self.user}"
