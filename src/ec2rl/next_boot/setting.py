"""The words of this package: one setting after boot, who decides, and who changes it later."""

from __future__ import annotations

from enum import Enum

from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    from ec2rl.facts.sysctl_conf import Reader

    Value = Union[int, str]
    """Of a key that is known by its number, else the text with its blanks made one."""


@record(frozen=True)
class Reading:
    """What the kernel makes of a written text.

    `refused` texts leave the old value; `value` None of a text that is not refused means that it
    depends on something that cannot be seen.
    """

    value: Value | None
    refused: bool = False
    note: str = ""


@record(frozen=True)
class Initial:
    """A setting before any sysctl file: its value (None: not known), why, and the line for it."""

    value: Value | None
    because: str
    decided: Evidence | None = None


AS_BY_HAND = "--system"
"""In place of a setting: all, as `sysctl --system` makes them."""

AS_AT_BOOT = "--boot"
"""In place of a setting: all, as who applies the files at boot makes them once more."""


class Lowers(Enum):
    """Whether somebody who wants a number sets it where a larger one is there already."""

    ALWAYS = "sets it, whatever is there"
    NEVER = "only raises it"
    UNKNOWN = "may leave a larger one"


@record(frozen=True)
class Changer:
    """Somebody who changes a setting later: `value` is None where it is reset or not computed.

    `wanted` is what it may be then all the same, None for nothing that is known. `setting` is ""
    for all of them, or `AS_BY_HAND`, or `AS_AT_BOOT`. With `within` it is one that is not told,
    among those whose path begins and ends so.
    """

    who: str
    setting: str
    value: Value | None
    evidence: Evidence
    note: str = ""
    lowers: Lowers = Lowers.ALWAYS
    within: tuple[str, str] | None = None
    wanted: Value | None = None


@record(frozen=True)
class Idle:
    """A line that looks as if it set something, and does nothing: why not."""

    line: Evidence
    why: str


@record(frozen=True)
class Setting:
    """One setting after boot; `value` None means that it cannot be told, and `because` why not.

    `either` are values that lines give it which may count then all the same. `decided` is the line
    that decides, or None for a default of the kernel; `losers` are the other lines about it, and
    `spoken_of` says whether any line is, or may be in what was not read; `lost` says why these do
    nothing ("" if they do); `now` is its value today; `changers` change it after that; `blind` is
    what was not read, and may decide.
    """

    key: str
    value: Value | None
    because: str
    decided: Evidence | None
    spoken_of: bool = False
    now: Value | None = None
    losers: tuple[Evidence, ...] = ()
    lost: str = ""
    warnings: tuple[str, ...] = ()
    changers: tuple[Changer, ...] = ()
    blind: Unreadable | None = None
    either: tuple[Value, ...] = ()

    @property
    def known(self) -> tuple[Value, ...]:
        """The value; where that cannot be told, those that it may have."""
        return self.either if self.value is None else (self.value,)

    @property
    def may_end(self) -> tuple[Value, ...]:
        """The values that it may have once all that change it at boot have, as far as is known."""
        found = self.known
        for changer in self.changers:
            if changer.value is not None:
                found = (changer.value,)
            elif changer.wanted is not None:
                found += (changer.wanted,)
        return found

    def untold(self, because: str, *others: Setting) -> Setting:
        """Give the same where it cannot be told what it will be: this, or one of the others."""
        either = tuple(value for one in (self, *others) for value in one.known)
        return replace(self, value=None, because=because, either=either)

    @property
    def ends(self) -> Value | None:
        """What it is once all that change it at boot have; None where that cannot be told."""
        return self.changers[-1].value if self.changers else self.value

    def survives(self) -> bool:
        """Tell whether what the files say is what will be.

        Not lost, and changed by nobody after.
        """
        return (
            self.value is not None
            and self.decided is not None
            and not self.lost
            and all(changer.value == self.value for changer in self.changers)
        )


@record(frozen=True)
class NextBoot:
    """All settings after boot; `reader` None means that it is not known who applies the files.

    `by_hand` is what `sysctl --system` would make of the same files, where it differs.
    """

    settings: tuple[Setting, ...]
    reader: Reader | None
    by_hand: dict[str, Value | None]
    warnings: tuple[str, ...]
    unread: tuple[Unreadable, ...]

    def setting(self, key: str) -> Setting | None:
        """Give the setting of this name, such as `net.core.somaxconn`."""
        return next((setting for setting in self.settings if setting.key == key), None)
