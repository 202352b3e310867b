"""The errors nemoflow raises; each type names the boundary that broke and the exit code it ends a command with.

    NemoflowError                 1   a bug, or anything not named below
    |-- ConfigError               2   a workflow, an override, a step's config: names the key, the value, what is right
    |-- InputError                2   a file or row handed in: names the file, the row, the value, what is right
    |   `-- DriftError            2   an address holds the result of another config or other inputs
    |-- SubmissionError           2   an adapter or zip that the contest's runtime would refuse: names tensor and rule
    |-- StoreError               75   the folder or bucket did not take or give bytes (disk full, S3 away)
    |-- ClaimError               75   another process holds the address
    |-- ProviderError            75   a model endpoint is away, overloaded or talks nonsense: waiting helps
    |   `-- ProviderRefused       2   a model endpoint says no for good (401, 404, 400): waiting does not help
    |-- ServiceError             75   an outside service (Kaggle, a hub) is away, overloaded, or has no room left today
    |   `-- ServiceRefused        2   an outside service says no for good: no such competition, no right, not what it takes
    |-- GivenUp                  69   a passing failure (75) came back more often than the node may try again
    |-- SandboxError             75   the place where a model's code runs is away, full or broken
    |-- RankLost                 75   one of the processes that train together ended without a word
    |   `-- PeerLost             75   and it was another pod's: no failure of this one
    |-- ClusterError             75   the API server of a cluster is away or busy
    |   `-- ClusterRefused        2   the API server says no for good: no such object, no right, not a valid one
    |-- RunFailed                 *   a run on a cluster ended without a result; ends with the exit code of the step that broke it
    `-- Stopped                  75   asked to stop (SIGTERM); what was done is kept

Policy. A bad trace is data: it is kept with its reason and counted, it never stops a step. A bad config or a bad input
file stops the step before it changes anything. Whatever else escapes is a bug and ends with 1.
"""

EXIT_OK = 0
EXIT_BUG = 1
EXIT_BAD_INPUT = 2
EXIT_GIVEN_UP = 69  # EX_UNAVAILABLE of sysexits.h
EXIT_TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
EXIT_NO_MEMORY = 137  # what a container ends with when it is killed, which is mostly for want of memory


class NemoflowError(Exception):
    """Root of the tree; `exit_code` is what the command ends with."""

    exit_code = EXIT_BUG


class ConfigError(NemoflowError):
    """A key, type or value in a workflow, an override or a step's config is wrong."""

    exit_code = EXIT_BAD_INPUT


class InputError(NemoflowError):
    """A file, row or artifact that was handed in is wrong."""

    exit_code = EXIT_BAD_INPUT


class DriftError(InputError):
    """An address already holds the result of another config, version or input."""


class SubmissionError(NemoflowError):
    """An adapter or zip breaks a rule of the contest's runtime; the message names tensor and rule."""

    exit_code = EXIT_BAD_INPUT


class StoreError(NemoflowError):
    """The store did not take or give bytes."""

    exit_code = EXIT_TRY_AGAIN


class ClaimError(NemoflowError):
    """Another live process holds the address."""

    exit_code = EXIT_TRY_AGAIN


class ProviderError(NemoflowError):
    """A model endpoint failed in a way that waiting may cure."""

    exit_code = EXIT_TRY_AGAIN


class ProviderRefused(ProviderError):
    """A model endpoint refused in a way that waiting does not cure."""

    exit_code = EXIT_BAD_INPUT


class ServiceError(NemoflowError):
    """An outside service that results are sent to failed in a way that waiting may cure."""

    exit_code = EXIT_TRY_AGAIN


class ServiceRefused(ServiceError):
    """An outside service refused in a way that waiting does not cure."""

    exit_code = EXIT_BAD_INPUT


class GivenUp(NemoflowError):
    """What failed in passing did so too often. A run ends with 75 then: later it may work."""

    exit_code = EXIT_GIVEN_UP


class SandboxError(NemoflowError):
    """The place where a model's code runs is away, full or broken."""

    exit_code = EXIT_TRY_AGAIN


class RankLost(NemoflowError):
    """One of the processes that do a piece of work together ended without a word, or never came."""

    exit_code = EXIT_TRY_AGAIN


class PeerLost(RankLost):
    """The line to another process broke: that one, or its pod, was sent away or failed."""


class ClusterError(NemoflowError):
    """The API server of a cluster did not answer, or failed in a way that waiting may cure."""

    exit_code = EXIT_TRY_AGAIN
    status = 0
    """What it answered, as HTTP has it; 0 where it did not."""


class ClusterRefused(ClusterError):
    """The API server refused in a way that waiting does not cure."""

    exit_code = EXIT_BAD_INPUT


class RunFailed(NemoflowError):
    """A run on a cluster failed; `exit_code` is that of the step that broke it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Stopped(NemoflowError):
    """The run was asked to stop; what was finished is kept and the next run goes on from there."""

    exit_code = EXIT_TRY_AGAIN
