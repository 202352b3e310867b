"""Tells an unlucky request from an endpoint that is down."""

from nemoflow.errors import ProviderError, ProviderRefused

SHARE_FLOOR = 32
"""While others are still awaited, a share of fewer says little: with 10 % allowed, 3 may fail before the 32nd has finished."""


class Health:
    """Counts what was answered and what failed; raises where too much has."""

    def __init__(self, max_share: float, max_in_a_row: int) -> None:
        self._max_share, self._max_in_a_row = max_share, max_in_a_row
        self._finished = self._failed = self._in_a_row = 0
        self._last: ProviderError | None = None
        self._all_refused = True

    def good(self, count: int = 1) -> None:
        """Requests were answered; those that earlier runs made count as well, so that a resumed run judges like an undisturbed one."""
        self._finished += count
        self._in_a_row = 0

    def bad(self, error: ProviderError) -> None:
        """A request failed for good; raises in the kind of `error` where that is one too many."""
        self._finished += 1
        self._failed += 1
        self._in_a_row += 1
        self._last = error
        self._all_refused &= isinstance(error, ProviderRefused)
        if self._in_a_row >= self._max_in_a_row:
            self._down(error, f"the last {self._in_a_row} requests all failed")
        if self._failed / max(self._finished, SHARE_FLOOR) > self._max_share:
            self._down(error, f"{self._failed} of {self._finished} requests failed (allowed: {self._max_share:.0%})")

    def end(self) -> None:
        """Judge the whole, by the share itself: however small the set, no more of it may have failed. So ends nothing that nobody answered.

        Raises ProviderError, or ProviderRefused where each failure was a refusal, which waiting does not cure.
        """
        if self._last is None:
            return
        kind = ProviderRefused if self._all_refused else ProviderError
        if self._failed == self._finished:
            raise kind(f"all of {self._finished} requests failed; the last failure: {self._last}")
        if self._failed / self._finished > self._max_share:
            self._down(kind(str(self._last)), f"{self._failed} of {self._finished} requests failed (allowed: {self._max_share:.0%})")

    def _down(self, error: ProviderError, what: str) -> None:
        kind = ProviderRefused if isinstance(error, ProviderRefused) else ProviderError
        raise kind(f"{what}; what was answered is kept; the last failure: {error}") from None
