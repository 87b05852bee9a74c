"""The files that make settings last: ours, named so that they win; nobody else's is touched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum

from ec2rl.facts.sysctl_conf import Assignment, Reader, normalize, parse
from ec2rl.host import Host
from ec2rl.model import Evidence, Why
from ec2rl.next_boot.changers import everybody
from ec2rl.next_boot.module import When
from ec2rl.next_boot.overlay import Overlay
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import Changer, NextBoot
from ec2rl.next_boot.settings import next_boot
from ec2rl.next_boot.values import plain
from ec2rl.quantities import value_words
from ec2rl.record import record, replace
from ec2rl.remedies import WriteFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ec2rl.next_boot.setting import Value
    from ec2rl.next_boot.settings import Changers

MARK = "# Written by ec2rl: `ec2rl history` says when, `ec2rl undo` takes it back.\n"


@record(frozen=True)
class Names:
    """The files that may be written.

    `sysctl` are those for the settings, the most modest name first: the first that wins is taken.
    `load` is for the modules that bring the keys ("": the caller has none to load); `more` are
    texts of other files that are needed as well. `adopted` are files of others that are ours to
    replace while they hold nothing but these settings.
    """

    sysctl: Sequence[str]
    load: str = ""
    more: Mapping[str, str] = {}
    adopted: Mapping[str, Collection[str]] = {}


class Keeps(Enum):
    """Whether the next boot keeps a setting."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@record(frozen=True)
class BootFiles:
    """Files to write, and what the next boot makes of all files then, for what is `wanted`.

    `notes` say why another file of ours stays, and one more is written.
    """

    changes: tuple[WriteFile, ...]
    settings: NextBoot
    wanted: Mapping[str, Value]
    notes: tuple[str, ...] = ()

    def ends_with(self, key: str) -> Value | None:
        """Tell what a setting is once all that change it at boot have.

        None where nobody can tell.
        """
        setting = self.settings.setting(key)
        return None if setting is None else setting.ends

    def may_end_with(self, key: str) -> tuple[Value, ...]:
        """Tell the values that it may have then, as far as any are known."""
        setting = self.settings.setting(key)
        return () if setting is None else setting.may_end

    @property
    def lasting(self) -> bool:
        return not (self.not_persistent or self.maybe_persistent)

    @property
    def not_persistent(self) -> tuple[str, ...]:
        """Of each setting that the next boot will not keep: what it will be, and who decides."""
        return self._told(Keeps.NO)

    @property
    def maybe_persistent(self) -> tuple[str, ...]:
        """Of each setting of which nobody can tell whether the next boot keeps it: why not."""
        return self._told(Keeps.UNKNOWN)

    def _told(self, keeps: Keeps) -> tuple[str, ...]:
        every = (self._kept(key, value) for key, value in self.wanted.items())
        return tuple(why for found, why in every if found is keeps)

    def _kept(self, key: str, value: Value) -> tuple[Keeps, str]:
        setting = self.settings.setting(key)
        if setting is None:
            return Keeps.UNKNOWN, f"{key}: what it will be cannot be told"
        for changer in setting.changers:
            if not _same(changer.value, value):
                unknown = changer.value is None and changer.setting
                ends = "changes it" if changer.setting else "resets it"
                ends = ends if changer.value is None else f"sets it to {changer.value}"
                note = f" ({changer.note})" if changer.note else ""
                why = f"{key}: {changer.who} {ends}{note}: {_place(changer.evidence)}"
                return Keeps.UNKNOWN if unknown else Keeps.NO, why
        if _same(setting.value, value):
            return Keeps.YES, ""
        if setting.value is None:
            why = f"{key}: what it will be cannot be told: {setting.lost or setting.because}"
            return Keeps.UNKNOWN, why
        if setting.lost:
            return Keeps.NO, f"{key} will be {setting.value}: {setting.lost}"
        decides = setting.because if setting.decided is None else _place(setting.decided)
        return Keeps.NO, f"{key} will be {setting.value}: {decides}"

    @property
    def after(self) -> tuple[str, ...]:
        """What each setting will be after a reboot, by what line, and what else is to be known."""
        width = max(map(len, self.wanted), default=0)
        lines = []
        for key in self.wanted:
            setting = self.settings.setting(key)
            if setting is not None:
                value = "unknown" if setting.value is None else value_words(setting.value)
                by = setting.because if setting.decided is None else setting.decided.source
                lines.append(f"{key:{width}}  {value}  ({by})")
                lines += [
                    f"{'':{width}}  {_left_by(c)}  ({c.who}, later: {c.evidence.source})"
                    for c in setting.changers
                ]
        lines += [f"Warning: {warning}" for warning in self.settings.warnings]
        return (*lines, *(f"Not read: {one}" for one in self.settings.unread))


def _left_by(changer: Changer) -> str:
    if changer.value is not None:
        return value_words(changer.value)
    return "changed" if changer.setting else "reset"


def _same(one: Value | None, other: Value) -> bool:
    return one is not None and plain(str(one)) == plain(str(other))


def _place(evidence: Evidence) -> str:
    return f"{evidence.source}: {evidence.text.strip()}"


def boot_files(
    host: Host,
    wanted: Mapping[str, Value],
    names: Names,
    rules_of: Callable[[Host], Rules] | None = None,
    changers: Changers = everybody,
    write: bool = True,
) -> BootFiles:
    """Give files for these settings, by key; none where the next boot has them, or none is wanted.

    `rules_of` and `changers` are those of who knows more of these keys.
    """
    make = rules_of or (lambda seen: Rules(seen, [normalize(key) for key in wanted]))
    rules = make(host)

    def computed(files: Mapping[str, str]) -> BootFiles:
        changes = []
        for path, text in files.items():
            before = host.read(path)
            old = before.text if isinstance(before, Evidence) else None
            if old != text:
                changes.append(WriteFile(path, text, old))
        then = Overlay(host, files) if files else host
        return BootFiles(tuple(changes), next_boot(then, make(then), changers), wanted)

    as_it_is = computed({})
    if as_it_is.lasting or not write:
        return as_it_is
    best, kept = None, []
    support = {**load_file(rules, wanted, names.load), **names.more}
    for path in (*(one for one in names.adopted if _is_there(host, one)), *names.sysctl):
        text = _text(host, rules, path, wanted, names)
        if text is None:
            kept += [f"{path} {_why_kept(host, path)}"] if path in names.sysctl else []
            continue
        notes = tuple(f"{one}: it stays as it is, and {path} overrules it" for one in kept)
        found = replace(computed({**support, path: text}), notes=notes)
        if found.lasting:
            return found
        best = best or found
        if path in names.sysctl and _is_there(host, path):
            kept.append(f"{path} does not decide, where others are read later")
    return best or as_it_is


def _is_there(host: Host, path: str) -> bool:
    return isinstance(host.read(path), Evidence)


def load_file(rules: Rules, wanted: Iterable[str], path: str) -> dict[str, str]:
    """Give the file that loads the modules of these settings early enough, if one is needed."""
    found = [rules.presence(key) for key in wanted] if path else []
    late = [one for one in found if one and one.when in (When.LATE, When.UNKNOWN)]
    modules = dict.fromkeys(one.module for one in late if one.module)
    return {path: MARK + "".join(f"{name}\n" for name in modules)} if modules else {}


def _text(
    host: Host, rules: Rules, path: str, wanted: Mapping[str, Value], names: Names
) -> str | None:
    """The whole file with these settings; None where what is there is not ours to replace."""
    old = host.read(path)
    values: dict[str, Value] | None = {}
    if isinstance(host.link(path), str):
        return None
    if isinstance(old, Evidence):
        values = _ours(rules, old.text, names.adopted.get(path, ()))
    elif old.why is not Why.ABSENT:
        return None
    if values is None:
        return None
    values.update(wanted)
    return MARK + "".join(f"{key} = {value}\n" for key, value in sorted(values.items()))


def _why_kept(host: Host, path: str) -> str:
    """Say why a file of this name is not ours to replace."""
    if isinstance(host.link(path), str):
        return "is a link"
    found = host.read(path)
    if not isinstance(found, Evidence):
        return "cannot be read"
    return "has been edited" if found.text.startswith(MARK) else "is somebody else's"


def _ours(rules: Rules, text: str, adopted: Collection[str]) -> dict[str, Value] | None:
    """The settings of a file that we wrote, or that holds `adopted` ones alone; None for another.

    A file of ours with a line that nobody but its author understands is another's by now.
    """
    marked = text.startswith(MARK)
    rest = text[len(MARK) :] if marked else text
    if not (marked or adopted) or any(
        line.lstrip()[:1] in ("#", ";") for line in rest.splitlines()
    ):
        return None
    values: dict[str, Value] = {}
    for line in parse("", rest, Reader.SYSTEMD):
        named = isinstance(line, Assignment) and not line.is_pattern() and line.text[0] != "-"
        key = rules.setting(line.key) if isinstance(line, Assignment) and named else None
        value = rules.value(line.value or "") if isinstance(line, Assignment) else None
        if key is None or value is None or not (marked or key in adopted):
            return None
        values[key] = value
    return values
