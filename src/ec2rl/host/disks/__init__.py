"""What the first bytes of block devices say: file systems, members of arrays, partition tables.

Read by us: blkid(8) keeps what it finds in a file, and trusts that later.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    At = Callable[[int, int], bytes]
    """Gives some bytes at an offset: fewer at the end, none behind it."""
