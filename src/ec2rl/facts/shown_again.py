"""A ring buffer that a text shows twice is no second boot, and its records are no second ones."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.host import Line

_STAMPED = r"(?:<\d{1,3}>|\w+ *: *\w+ *: )?\[ *(\d{1,9}\.\d{6})\]"
_BEGINS = r"(?:\[ *[TC]\d{1,10}\])? Linux version "
_LEAST = 3
"""Stamps above 0 that two boots do not have alike: old kernels' are of some milliseconds."""
_ENDED = ("Kernel panic - ", "reboot: ")
"""What a kernel says last: behind it another boot is likelier than the same one again."""


def once(lines: Sequence[Line]) -> Sequence[Line]:
    """Leave out of a text's lines what it shows again of a boot that it has shown.

    A record's stamp is in microseconds: several that are the same, behind the same beginning, are
    of the same boot; but not in a text that shows how a boot ended.
    """
    stamps = [re.match(_STAMPED, line.text) for line in lines]
    starts = [
        at
        for at, (line, found) in enumerate(zip(lines, stamps))
        if found and not float(found[1]) and re.match(_BEGINS, line.text[found.end() :])
    ]
    if len(starts) < 2 or any(words in line.text for line in lines for words in _ENDED):
        return lines
    kept = list(lines[: starts[0]])
    boots: list[dict[str, float]] = []
    for start, end in zip(starts, (*starts[1:], len(lines))):
        part = zip(lines[start:end], stamps[start:end])
        boot = {line.text: float(found[1]) for line, found in part if found}
        shown = next((one for one in boots if _is_same(one, boot)), None)
        if shown is None:
            boots.append(boot)
            kept += lines[start:end]
        else:
            kept += [line for line in lines[start:end] if line.text not in shown]
            shown.update(boot)
    return kept


def _is_same(shown: dict[str, float], boot: dict[str, float]) -> bool:
    """Whether all that one shows, up to where the other ends, stands in the other."""
    last = max(shown.values())
    common = {text: stamp for text, stamp in boot.items() if stamp <= last}
    return common.keys() <= shown.keys() and len({*common.values()} - {0.0}) >= _LEAST
