"""Which modes and owners a fix sets, and which a person has to.

A fix changes what root alone can exchange on the way (fix/machine.py).  What lies in a folder of an
account's own, or in one that others can write, is described with its commands.
"""

from __future__ import annotations

from ec2rl.diagnosis.logins import quoted
from ec2rl.facts.ways import way_to
from ec2rl.model import Proposal, Remedy, Risk, Unreadable
from ec2rl.remedies import SetRights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ec2rl.diagnosis.logins import Bar
    from ec2rl.host import Host

_OTHERS = 0o022
_WHY = (
    "in a folder that others than root can write, in which this program changes nothing: it could "
    "be led elsewhere meanwhile"
)
_AGAIN = "Then run it again: what lies below these folders comes next"


def rights_of(bars: Iterable[Bar]) -> tuple[SetRights, ...]:
    """Give the modes and owners that are right, of each path all that is asked of it."""
    found: dict[str, SetRights] = {}
    for bar in bars:
        if bar.rights is None or bar.before is None:
            continue
        mode, uid, gid = bar.rights
        known = found.get(bar.path)
        if known is not None:
            gone = known.before[0] & ~known.rights[0] | bar.before[0] & ~mode
            new = known.rights[0] & ~known.before[0] | mode & ~bar.before[0]
            mode, uid, gid = bar.before[0] & ~gone | new, *known.rights[1:]
        found[bar.path] = SetRights(bar.path, (mode, uid, gid), bar.before)
    return tuple(found[path] for path in sorted(found))


def propose_rights(host: Host, title: str, bars: Iterable[Bar]) -> Proposal:
    """Plan the modes and owners of these paths; what is not ours to change is told by hand."""
    wanted = rights_of(bars)
    ours = tuple(one for one in wanted if _is_ours(host, one.path))
    others = [one for one in wanted if one not in ours]
    hands = tuple(word for one in others for word in _commands(host, one))
    if not ours:
        why = (f"{others[0].path} lies {_WHY}",) if others else ()
        return Proposal(refused=why, by_hand=hands)
    notes = tuple(f"Not done: {one.path}, {_WHY}: {' && '.join(_commands(host, one))}"
                  for one in others)  # fmt: skip
    done = tuple(word for one in ours for word in _commands(host, one))
    remedy = Remedy(title, ours, Risk.SAFE)
    return Proposal((remedy,), notes=(*notes, *([_AGAIN] if others else [])), by_hand=done)


def _is_ours(host: Host, path: str) -> bool:
    """Whether nobody but root can exchange any folder on the way to a path."""
    if path == "/":
        return False
    way = way_to(host, path.rpartition("/")[0] or "/")
    if isinstance(way.end, Unreadable):
        return False
    kept = (*(one.status for one in way.folders), way.end)
    return all(one.uid == 0 and not one.mode & _OTHERS for one in kept)


def _commands(host: Host, one: SetRights) -> list[str]:
    at = "" if host.is_live else "chroot FOLDER "
    mode, uid, gid = one.rights
    found = [] if one.before[1:] == (uid, gid) else [f"{at}chown -h {uid}:{gid} {quoted(one.path)}"]
    return [*found, f"{at}chmod {mode:o} {quoted(one.path)}"]
