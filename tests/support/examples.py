"""How often a property is tried: as often as it says, or a twentieth of that in `--quick`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_QUICK = "EC2RL_QUICK_TESTS" in os.environ


def examples(number: int) -> settings:
    """Try a property with `number` examples, each of which may take its time."""
    return settings(max_examples=max(20, number // 20) if _QUICK else number, deadline=None)


# For all properties: that a machine is busy is no fault of theirs.
settings.register_profile("busy", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
if _QUICK:  # for properties that do not say how often they are to be tried
    settings.register_profile("quick", max_examples=20)
    settings.load_profile("quick")
