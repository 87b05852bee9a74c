"""What one pass over the sysctl files makes of a setting, on the kernel that boots."""

from __future__ import annotations

from ec2rl.next_boot.lines import Line, Lines
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import Setting


def decide(rules: Rules, lines: Lines, key: str) -> Setting:
    """Give the setting when the reader of `lines` has applied them, whatever happens later."""
    first = rules.initial(key)
    value, because, decided = first.value, first.because, first.decided
    winner: Line | None = None
    warnings = []
    paths = rules.paths(key)
    for line in lines.written([path for path in paths if rules.exists(path)]):
        reading = rules.read(key, line.item.value or "")
        place = line.item.evidence()
        if reading.refused:
            warnings.append(f"{place.source}: {place.text!r} is refused: {reading.note}")
            continue
        winner, value, decided = line, reading.value, place
        because = reading.note if value is None else lines.reader.value
        if reading.note:
            warnings.append(f"{place.source}: {reading.note}")
    known = value
    for line in lines.written(rules.spreading(key)):
        if winner is None or line.number > winner.number:
            place = line.item.evidence()
            value, because, decided = None, "this line changes it where it is there by then", place
    blind = lines.blind(winner.item if winner else None)
    if blind is not None:
        value, because = None, f"{blind} may decide"
    about = [item.evidence() for item in rules.arguments(key)]
    about += lines.about((*paths, *rules.spreading(key)))
    losers = tuple(place for place in about if place != decided)
    spoken_of = bool(about or lines.unread)
    return Setting(
        key,
        value,
        because,
        decided,
        spoken_of,
        losers=losers,
        warnings=tuple(warnings),
        blind=blind,
        either=() if known is None or value is not None else (known,),
    )


def dead_lines(rules: Rules, lines: Lines) -> list[str]:
    """Give lines about the wanted settings that never do anything."""
    dead = [
        f"{line.path}:{line.line}: does nothing, no assignment: {line.text!r}"
        for line in lines.malformed
    ]
    for line in lines.all_named():
        if line.item.value is not None and not rules.exists(line.item.key):
            place = line.item.evidence()
            dead.append(f"{place.source}: this kernel has no such key: {place.text!r}")
    return dead
