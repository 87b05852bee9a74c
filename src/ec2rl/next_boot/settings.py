"""What each wanted setting will be after a reboot, and which line decides.

First the kernel or a module brings the keys (`presence`), then one reader applies the sysctl files
(`facts.sysctl_conf`), if the keys are there by then; later others may change them (`changers`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ec2rl.facts.conf_files import final
from ec2rl.facts.proc import version
from ec2rl.facts.sysctl_conf import Reader
from ec2rl.host import Host
from ec2rl.model import Unreadable
from ec2rl.next_boot.changers import everybody
from ec2rl.next_boot.decide import dead_lines, decide
from ec2rl.next_boot.init_system import Init, in_runlevel, init_system
from ec2rl.next_boot.lines import Lines, read_lines
from ec2rl.next_boot.module import When
from ec2rl.next_boot.passed_over import passed_over
from ec2rl.next_boot.presence import Presence
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import AS_AT_BOOT, AS_BY_HAND, Changer, Idle, Lowers, NextBoot, Setting
from ec2rl.next_boot.udev import Reapplied
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ec2rl.next_boot.setting import Value

    Changers = Callable[[Host, Rules], Iterable["Changer | Idle | Unreadable"]]

UNIT = "/etc/systemd/system/systemd-sysctl.service"


def next_boot(host: Host, rules: Rules, changers: Changers = everybody) -> NextBoot:
    """Compute from the files of a host what its next boot makes of each wanted setting."""
    reader, masked = _reader(host)
    chosen = reader or Reader.SYSTEMD
    lines = {each: read_lines(host, each, rules) for each in Reader}
    found = list(changers(host, rules))
    after = [one for one in found if isinstance(one, Changer)]
    keys = _keys(rules, lines, after)
    told = {each: {key: decide(rules, lines[each], key) for key in keys} for each in Reader}
    comes_late = _Late(host, rules)
    by_key: dict[str, list[int]] = {}
    for number, one in enumerate(after):
        by_key.setdefault(one.setting, []).append(number)
    of_all = [n for which in ("", AS_BY_HAND, AS_AT_BOOT) for n in by_key.get(which, ())]
    settings = []
    for key, setting in told[chosen].items():
        if reader is None and setting.value != told[Reader.PROCPS][key].value:
            other = told[Reader.PROCPS][key]
            setting = setting.untold("who applies the files is not known", other)
        presence = rules.presence(key)
        when = presence.when if presence else When.BUILT_IN
        late = comes_late.setting(told[chosen][key], presence) if presence else setting
        if when is When.LATE:
            setting = late
        elif masked:
            setting = _lost(rules, setting, masked)
        elif presence and when is When.UNKNOWN and setting.value != late.value:
            either = f"{_shown(setting.value)} if it comes in time, else {_shown(late.value)}"
            setting = setting.untold(f"{presence.unsure}: {either}", late)
        by_hand = told[Reader.PROCPS][key]
        mine = sorted({*by_key.get(key, ()), *of_all})
        again = {AS_BY_HAND: by_hand, AS_AT_BOOT: told[chosen][key]}
        theirs = tuple(_theirs([after[n] for n in mine], setting, again, rules.paths(key)))
        settings.append(replace(setting, now=rules.now(key), changers=theirs))
    differ = {
        key: setting.value
        for key, setting in told[Reader.PROCPS].items()
        if setting.value != told[chosen][key].value
    }
    warnings = [*rules.warnings(), *dead_lines(rules, lines[chosen])]
    idle = [*passed_over(host, rules), *(one for one in found if isinstance(one, Idle))]
    warnings += [f"{one.line.source}: {one.why}: {one.line.text!r}" for one in idle]
    later = {s.key for s in settings if any(c.value == differ.get(s.key) for c in s.changers)}
    warnings += _by_hand_alone(told[Reader.PROCPS][key] for key in differ if key not in later)
    unread = [one for one in found if isinstance(one, Unreadable)]
    unread += (*rules.unread(), *lines[chosen].unread, *rules.unsure())
    if any(setting.decided is None for setting in settings):
        unread += rules.unread_before()
    return NextBoot(tuple(settings), reader, differ, tuple(warnings), tuple(unread))


def _shown(value: Value | None) -> str:
    return "the default" if value is None else str(value)


def _by_hand_alone(settings: Iterable[Setting]) -> Iterator[str]:
    for setting in settings:
        if setting.decided is not None:
            line = f"{setting.decided.source}: {setting.decided.text!r}"
            yield f"{line} counts for {Reader.PROCPS.value}, not at boot"


def _keys(
    rules: Rules, lines: Mapping[Reader, Lines], changers: Iterable[Changer]
) -> tuple[str, ...]:
    paths = {path for each in lines.values() for path in each.named}
    met = {path for each in lines.values() for path in each.writes}
    named = {key for path in paths if (key := rules.name(path))}
    also = {key for path in met if (key := rules.name(path))}
    also.update(rules.argument_keys())
    also.update(changer.setting for changer in changers)
    return tuple(rules.keys(named, also - {"", AS_BY_HAND, AS_AT_BOOT}))


def _theirs(
    changers: Iterable[Changer],
    setting: Setting,
    again: Mapping[str, Setting],
    paths: Sequence[str],
) -> Iterator[Changer]:
    """What changers do to a setting, one after the other."""
    value = setting.value
    for changer in changers:
        each = _of(changer, setting, again, paths)
        if each is not None:
            each = _raised(each, value)
            value = each.value
            yield each


def _of(
    changer: Changer, setting: Setting, again: Mapping[str, Setting], paths: Sequence[str]
) -> Changer | None:
    """What a changer does to a setting, None for nothing; `again` are all files applied again."""
    if changer.within is not None:
        start, end = changer.within
        met = any(path.startswith(start) and path.endswith(end) for path in paths)
        return replace(changer, setting=setting.key) if met else None
    if changer.setting in (setting.key, ""):
        # A line that decides anyway, applied once more.
        return None if changer.evidence == setting.decided else changer
    made = again.get(changer.setting)
    if made is not None and made.spoken_of and made.value != setting.value:
        return replace(changer, setting=setting.key, value=made.value)
    return None


def _raised(changer: Changer, before: Value | None) -> Changer:
    """The same with the value that is there afterwards, where a larger one may stay."""
    wanted = changer.value
    if changer.lowers is Lowers.ALWAYS or not isinstance(wanted, int):
        return changer
    if isinstance(before, int) and before <= wanted:
        return changer
    stays = isinstance(before, int) and changer.lowers is Lowers.NEVER
    note = f"{changer.note}; it wants {wanted}, and {changer.lowers.value}"
    note = note.removeprefix("; ")
    return replace(changer, value=before if stays else None, note=note, wanted=wanted)


def _reader(host: Host) -> tuple[Reader | None, str]:
    """Who applies the files at boot, and why nobody does ("" if somebody does)."""
    init = init_system(host)
    if init is Init.SYSTEMD:
        masked = final(host, UNIT) == "/dev/null"
        return Reader.SYSTEMD, f"{UNIT} is masked: nobody applies the files" if masked else ""
    if init is Init.OPENRC and not in_runlevel(host, "sysctl"):
        return Reader.PROCPS, "sysctl is in no run level of OpenRC: nobody applies the files"
    return None if init is Init.UNKNOWN else Reader.PROCPS, ""


class _Late:
    """The settings whose keys come after the sysctl files were applied."""

    def __init__(self, host: Host, rules: Rules) -> None:
        self._host = host
        self._rules = rules
        self._lines: dict[tuple[str, ...], Lines] = {}

    def setting(self, setting: Setting, presence: Presence) -> Setting:
        """The setting in that case."""
        again = presence.again
        if not setting.spoken_of:
            return setting
        if presence.install is not None:
            return setting.untold(f"{presence.install.source} runs a command")
        if isinstance(again, Unreadable):
            return setting.untold(f"{again} may apply the files again")
        if again is None:
            return _lost(self._rules, setting, presence.lost)
        if not again.computed:
            return setting.untold(f"{again.place.source} runs a command")
        return self._again(setting, presence, again)

    def _again(self, setting: Setting, presence: Presence, again: Reapplied) -> Setting:
        rules, told_by = (
            self._rules,
            f"{again.place.source} applies the files when the module comes",
        )
        if again.prefixes not in self._lines:
            self._lines[again.prefixes] = read_lines(
                self._host, Reader.SYSTEMD, rules, again.prefixes
            )
        second = decide(rules, self._lines[again.prefixes], setting.key)
        first = rules.initial(setting.key)
        if second.decided == first.decided and second.blind is None:
            second = _lost(rules, setting, f"{presence.lost}; {told_by}, but not this line")
        if (version(rules.release or "") or (0, 0)) < (5, 12):
            told_by += "; before Linux 5.12 that may be too early"
        return replace(second, warnings=(*second.warnings, told_by))


def _lost(rules: Rules, setting: Setting, why: str) -> Setting:
    """The setting where no sysctl file is applied: as it came up."""
    if not setting.spoken_of:
        return setting
    first = rules.initial(setting.key)
    losers = setting.losers
    if setting.decided is not None and setting.decided != first.decided:
        losers = (setting.decided, *losers)
    return replace(
        setting,
        value=first.value,
        because=first.because,
        decided=first.decided,
        losers=losers,
        lost=why,
        either=setting.known if first.value is None else (),
    )
