"""What this program has changed on a machine, from the records that `fix` keeps there."""

from __future__ import annotations

from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

FOLDER = "/var/lib/ec2rl/changes"
_MOST = 200


@record(frozen=True)
class PastChange:
    """A change that stands: when it was made (seconds since the epoch), in which boot, of what.

    `raised` are the settings of the kernel that it gave a larger number, `lowered` a smaller one.
    """

    number: int
    time: float
    boot: str
    raised: tuple[str, ...]
    lowered: tuple[str, ...]


def past_changes(host: Host) -> tuple[PastChange, ...]:
    """The changes that were made and not taken back, oldest first.

    Only root can write the records, and only root can read them: without them nothing is assumed.
    """
    names = host.names(FOLDER)
    if isinstance(names, Unreadable):
        return ()
    found = []
    for name in names[:_MOST]:
        if name.endswith(".json") and name[:-5].isdecimal():
            text = host.read(f"{FOLDER}/{name}")
            change = parse_change(text.text) if isinstance(text, Evidence) else None
            if change is not None:
                found.append(change)
    return tuple(sorted(found, key=lambda change: change.number))


def parse_change(text: str) -> PastChange | None:
    """One record; None for one that was undone, or is not understood."""
    import json

    try:
        change = json.loads(text)["change"]
        if change["state"] != "applied":
            return None
        rises = {
            str(item["key"]): int(item["after"]) - int(item["before"])
            for item in change["items"]
            if "key" in item
        }
        raised = tuple(key for key, rise in rises.items() if rise > 0)
        lowered = tuple(key for key, rise in rises.items() if rise < 0)
        number, when, boot = int(change["id"]), float(change["time"]), str(change["boot"])
        return PastChange(number, when, boot, raised, lowered)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
