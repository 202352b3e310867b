"""Gang: the pods that do one node's work together. The first executes the node; the others are given the same command and join it.

A cluster hands it to a pod in two variables: `NEMOFLOW_GANG=1/4`, the pod's number and how many there are, and
`NEMOFLOW_GANG_AT=host:port`, where the first is to be met.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from nemoflow.errors import ConfigError

GANG_ENV, AT_ENV = "NEMOFLOW_GANG", "NEMOFLOW_GANG_AT"


@dataclass(frozen=True)
class Gang:
    """One pod's place among the pods of a node."""

    index: int = 0
    count: int = 1
    host: str = "127.0.0.1"
    """Of the first pod."""
    port: int = 0
    """Of the first pod; 0 for any that is free, which only a gang of one can choose."""

    @property
    def is_first(self) -> bool:
        """Whether this pod holds the node's claim and writes its result."""
        return self.index == 0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Gang":
        """The gang that the environment tells of, a gang of one where it tells of none; ConfigError for what cannot be read."""
        place = environment.get(GANG_ENV, "")
        if not place:
            return cls()
        index, slash, count = place.partition("/")
        if not (slash and index.isdigit() and count.isdigit() and 0 <= int(index) < int(count)):
            raise ConfigError(f"{GANG_ENV} {place!r}: INDEX/COUNT with 0 <= INDEX < COUNT is right, such as 0/2")
        if int(count) == 1:
            return cls()
        at = environment.get(AT_ENV, "")
        host, colon, port = at.rpartition(":")
        if not (host and colon and port.isdigit() and 0 < int(port) < 2**16):
            raise ConfigError(f"{AT_ENV} {at!r}: HOST:PORT of the first of {count} pods is right, such as train-node-0-0.train:29500")
        return cls(int(index), int(count), host, int(port))
