"""What the kernel says of a disk that answered with an error, too late, or not at all."""

from __future__ import annotations

from ec2rl.facts.log import fits
from ec2rl.host import ERR, Phrase
from ec2rl.model import Statement, say
from ec2rl.record import Choice, record


class What(Choice):
    """What happened to a disk."""

    ERROR = "I/O error"
    RESET = "its controller was reset"
    DEAD = "its controller did not come back from a reset"
    LATE = "a request was answered late, without its interrupt"
    TIMEOUT = "a request took too long"
    NOTHING = "no fault of a disk"


@record(frozen=True)
class DiskError:
    """An event of one disk, or of an NVMe controller: `why` is the kernel's own word for it."""

    device: str
    what: What
    why: str = ""

    @property
    def same(self) -> object:
        return self.device, self.what, self.why

    def message(self) -> Statement:
        """Say which disk it is, and what happened."""
        words = "{device}: {what}" + (" ({why})" if self.why else "")
        return say(words, device=self.device, what=self.what.value, why=self.why)


_NOT_DISKS = r"(?:fd|sr|scd|loop|ram|zram)\d+"
"""A floppy that is not there, an ejected CD, an image of snapd, a disk in memory."""
# block/blk-core.c: end_request: to 3.18, blk_update_request: to 5.19, print_req_error: in 4.14 to
# 4.19, no word from 5.15 on (blk_print_req_error(), block/blk-mq.c); the errors are blk_errors[].
_BLOCK = (
    r"(?:(?:end_request|blk_update_request|print_req_error): )?(?P<why>[A-Za-z/ ]{3,40}?) error, "
    r"dev (?P<dev>[\w!.-]{1,64}), sector \d+.*"
)
_HARMLESS = ("operation not supported",)
"""What a disk answers to a request that it need not know, such as a discard."""
# fs/buffer.c, buffer_io_error(): `device`, and no words behind it, to 3.18; block/bdev.c.
_BUFFER = (
    r"Buffer I/O error on dev(?:ice)? (?P<dev>[\w!.-]{1,64}), logical block \d+(?:, (?P<why>.*))?"
)
# drivers/nvme/host/pci.c, nvme_timeout(): `tag` from 5.16, `opcode` in 6.1, both from 6.8 on;
# of the controller itself (nvme 0000:00:1f.0) to 4.4.
_NVME = r"nvme (?P<dev>nvme\d{1,4}|[\da-f:.]{7,16}): "
_TIMEOUT = _NVME + r"I/O (?:tag )?\d+ .{0,80}?QID \d+ timeout, (?P<why>.*)"
_DOWN = _NVME + r"(?P<why>controller is down; will reset: .*|Device not ready; aborting .*)"
_DEAD = _NVME + (
    r"(?P<why>Disabling device after reset failure: -?\d+"
    r"|Removing after probe failure(?: status: -?\d+)?)"
)


LOOPS = (
    # drivers/block/loop.c, 3.16 to 6.18; where the file had no room block/blk-mq.c, from 4.13 on.
    Phrase(b"loop: Write error at byte offset ", recent=True, level=ERR),
    Phrase(b"space allocation error, dev loop", recent=True, level=ERR),
)
"""What tells that the file behind a loop device could not be written."""
_UNWRITTEN = r"loop: Write error at byte offset .*|critical space allocation error, dev loop\d+, .*"


def is_loop_unwritten(message: str) -> bool:
    """Whether a message says that the file behind a loop device could not be written."""
    if not any(one.text.decode() in message for one in LOOPS):
        return False
    import re

    return re.fullmatch(_UNWRITTEN, message.strip()) is not None


def parse(message: str) -> DiskError | None:
    """Parse a message; None for one that is of no disk."""
    import re

    for pattern, what in ((_BLOCK, What.ERROR), (_BUFFER, What.ERROR), (_DOWN, What.RESET),
                          (_DEAD, What.DEAD), (_TIMEOUT, What.TIMEOUT)):  # fmt: skip
        found = fits(rf"\s*(?:{pattern})\s*", message)
        if found is not None:
            why = (found["why"] or "").strip()
            if what is What.TIMEOUT:
                what = _ended(why)
            is_none = re.fullmatch(_NOT_DISKS, found["dev"]) is not None or why in _HARMLESS
            told = "" if why == "I/O" else why
            return DiskError(found["dev"], What.NOTHING if is_none else what, told)
    return None


def _ended(how: str) -> What:
    """How a request that took too long ended: nvme_timeout() says what it does about it."""
    if how.startswith("completion polled"):
        return What.LATE
    return What.RESET if "controller" in how else What.TIMEOUT
