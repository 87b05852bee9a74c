"""The time that is asked about."""

from __future__ import annotations

from ec2rl.record import record


@record(frozen=True)
class Period:
    """From `since` to `until`, both in seconds since the epoch; None: from or to wherever."""

    since: float | None = None
    until: float | None = None

    @property
    def is_all(self) -> bool:
        """Tell whether nothing is left out."""
        return self.since is None and self.until is None

    def may_have(self, time: float, drift: float = 0.0) -> bool:
        """Tell whether a moment that is known but for `drift` seconds may be in it."""
        early = self.since is not None and time < self.since - drift
        return not early and (self.until is None or time <= self.until + drift)

    def has_all_since(self, time: float | None) -> bool:
        """Tell whether what was counted from a moment on to now was all counted in it."""
        if self.until is not None:
            return False
        return self.since is None or (time is not None and time >= self.since)


ALL = Period()
