"""What a kernel's or an initial RAM disk's file tells of itself, by its bytes; it is not unpacked.

A file of a gibibyte costs no more than a small one: headers are read where they stand.
"""

from __future__ import annotations

import os

from ec2rl.host.queries.about_file import OpenFile
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.host.images.initrd import ReadAt

KERNEL, INITRD = "kernel", "initrd"


@record(frozen=True)
class BootImage(OpenFile):
    """Lines of `name: value` about one file: `size`, `modified` (whole seconds since the epoch).

    Of a kernel `form`, `machine` (e_machine), `release`; of an initrd `parts`.  `whole` is yes, no
    or unknown, `why` says of the last two what tells.
    """

    path: str
    kind: str = KERNEL

    @property
    def key(self) -> str:
        return f"{self.kind} image {self.path}"

    def tell(self, fd: int) -> str:
        status = os.fstat(fd)
        told = {"size": str(status.st_size), "modified": str(int(status.st_mtime))}

        def read(at: int, size: int) -> bytes:
            return os.pread(fd, size, at)

        told.update(_TELL[self.kind](read, status.st_size))
        return "".join(f"{name}: {value}\n" for name, value in told.items())


def _kernel(read: ReadAt, size: int) -> Mapping[str, str]:
    from ec2rl.host.images.kernel import tell

    told = tell(read)
    whole = "unknown" if told.needs is None else "yes" if size >= told.needs else "no"
    why = "" if whole == "yes" else f"it has {size:,} of {told.needs or 0:,} bytes"
    if told.needs is None:
        why = "nothing in it tells its length" if told.form else "it is no kernel of a known form"
    return {
        "form": told.form or "unknown",
        "machine": str(told.machine),
        "release": told.release,
        "whole": whole,
        "why": why,
    }


def _initrd(read: ReadAt, size: int) -> Mapping[str, str]:
    from ec2rl.host.images.initrd import walk

    told = walk(read, size)
    whole = "unknown" if told.is_whole is None else "yes" if told.is_whole else "no"
    return {"parts": " ".join(kind for kind, _, _ in told.parts), "whole": whole, "why": told.why}


_TELL = {KERNEL: _kernel, INITRD: _initrd}
