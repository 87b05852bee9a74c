"""What this program has changed on a machine, from the records that `fix` keeps there."""

from __future__ import annotations

from ec2rl.host import Host
from ec2rl.model import Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.change import Transaction

FOLDER = "/var/lib/ec2rl/changes"
_MOST = 200


@record(frozen=True)
class Changes:
    """All that the journal tells, oldest first; `trying` are the numbers of changes on trial.

    `unread` says what could not be read of it, or is no whole record that only root can have made.
    """

    made: tuple[Transaction, ...] = ()
    trying: tuple[int, ...] = ()
    unread: tuple[Unreadable, ...] = ()


def read_changes(host: Host) -> Changes:
    """Give the newest 200 records.

    Unreadable with the reason for each that is not to be believed.
    """
    names = host.names(FOLDER)
    if isinstance(names, Unreadable):
        nothing = names.why in (Why.ABSENT, Why.NOT_COLLECTED)
        return Changes(unread=() if nothing else (names,))
    numbers = sorted(int(name[:-5]) for name in names if _is_number(name, "", ".json"))
    found = [_record(host, number) for number in numbers[-_MOST:]]
    return Changes(
        tuple(change for change in found if not isinstance(change, Unreadable)),
        tuple(int(name[6:]) for name in names if _is_number(name, "trial-", "")),
        tuple(change for change in found if isinstance(change, Unreadable)),
    )


def _is_number(name: str, start: str, end: str) -> bool:
    digits = name[len(start) : len(name) - len(end)]
    plain = digits.isascii() and digits.isdigit() and len(digits) < 10 and digits[0] != "0"
    return plain and name == start + digits + end


def _record(host: Host, number: int) -> Transaction | Unreadable:
    from ec2rl.facts.change_format import MAX_BYTES, decode

    path = f"{FOLDER}/{number}.json"
    try:
        text = host.read_own(path)
        if isinstance(text, Unreadable):
            return text
        raw = text.text.encode("utf-8", "backslashreplace")
        if len(raw) > MAX_BYTES:
            return Unreadable(path, Why.FAILED, "larger than 4 MiB")
        return decode(raw, number)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        return Unreadable(path, Why.FAILED, f"damaged: {error}")
    except MemoryError:
        return Unreadable(path, Why.FAILED, "it takes more memory than there is")
