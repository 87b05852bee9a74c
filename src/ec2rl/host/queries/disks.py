"""What block devices there are, how they lie on each other, and what their first bytes say.

Nothing is written, and no blkid(8) is asked, which keeps what it finds.  Of a volume that somebody
mounted only the disk that it lies on is looked at: which others its machine has, nobody knows.
"""

from __future__ import annotations

import os
import time

from ec2rl.host.files import unreadable
from ec2rl.host.query import RootQuery, decode_text, encode_text
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.host.query import Encoded


_FRESH = 1.0
_LAST: list[tuple[float, Evidence | Unreadable]] = []
"""The last answer, and when it was asked for: modules that follow on each other get the same."""


@record(frozen=True)
class Disks(RootQuery[Evidence]):
    """A line a device: its name, then words, `key=value` or a flag; `\\\\xNN` stands for a byte.

    `number`, `size` (bytes), of a partition `of`, `part` and `start`; `holders` and `slaves`; of
    device mapper `dm` and `dmuuid`, of a loop device `file` and `offset`; `wwid`, `ro`,
    `removable`; `sector` where it is not 512.  `table`, `tableid`, `backup` and `damaged` are of a
    partition table, whose entries follow as `NAME#NUMBER`; `type`, `uuid`, `sub`, `label` and
    `fssize` of a superblock; `odd` has what holds something of no known kind, `fault` what was not
    read; `root` is what a volume lies on.
    """

    @property
    def key(self) -> str:
        return "disks /sys/class/block"

    def ask(self) -> Evidence | Unreadable:
        from ec2rl.host.disks.probe import tell_all

        now = time.monotonic()
        if _LAST and now - _LAST[0][0] < _FRESH:
            return _LAST[0][1]
        try:
            found: Evidence | Unreadable = Evidence(self.key, tell_all())
        except OSError as error:
            found = unreadable(self.key, error)
        _LAST[:] = [(now, found)]
        return found

    def below(self, root: int) -> Evidence | Unreadable:
        from ec2rl.host.disks.probe import tell_of
        from ec2rl.host.mount_of import mount_of

        try:
            device, _ = mount_of(root)
            if not device:
                words = "the folder is no whole file system of a device"
                return Unreadable(self.key, Why.ABSENT, words)
            return Evidence(self.key, tell_of(os.stat(device).st_rdev))
        except OSError as error:
            return unreadable(self.key, error)

    def encode(self, answer: Evidence) -> Encoded:
        return encode_text(answer.text)

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> Evidence:
        return Evidence(source, decode_text(text, notes))
