"""The files that make a setting last: ours, named so that they win; nobody else's is touched."""

from __future__ import annotations

from collections.abc import Mapping

from ec2rl.conntrack.boot.decide import kernel_of
from ec2rl.conntrack.boot.keys import BUCKETS, MAX, setting_of
from ec2rl.conntrack.boot.module import When
from ec2rl.conntrack.boot.settings import BootSettings, would_win
from ec2rl.conntrack.defaults import version
from ec2rl.facts.sysctl_conf import Assignment, Reader, kernel_int, parse
from ec2rl.host import Host
from ec2rl.model import Evidence, Why, WriteFile
from ec2rl.record import record

PAGE_FILE = "/etc/sysctl.d/99-netfilter.conf"
"""The file that the original page appends its two lines to."""

OURS = ("/etc/sysctl.d/99-zz-ec2rl-conntrack.conf", "/etc/sysctl.d/zzz-ec2rl-conntrack.conf")
"""Names that come behind 99-sysctl.conf, the second behind nearly everything."""

MODULES = "/etc/modules-load.d/ec2rl-conntrack.conf"
OPTIONS = "/etc/modprobe.d/ec2rl-conntrack.conf"
MARK = "# Written by ec2rl: `ec2rl history` says when, `ec2rl undo` takes it back.\n"


@record(frozen=True)
class BootFiles:
    """Files to write, and what the next boot makes of all files then, for what is `wanted`."""

    changes: tuple[WriteFile, ...]
    settings: BootSettings
    wanted: Mapping[str, int]

    def ends_with(self, key: str) -> int | None:
        """What a setting is once all that change it at boot have; None where nobody can tell."""
        setting = self.settings.setting(key)
        if setting is None:
            return None
        return setting.changers[-1].value if setting.changers else setting.value

    @property
    def lasting(self) -> bool:
        return not self.fleeting

    @property
    def fleeting(self) -> tuple[str, ...]:
        """Of each setting that the next boot will not keep: what it will be, and who decides."""
        return tuple(
            why for key, value in self.wanted.items() if (why := self._fleeting(key, value))
        )

    def _fleeting(self, key: str, value: int) -> str:
        setting = self.settings.setting(key)
        if setting is None:
            return f"{key}: what it will be cannot be told"
        for changer in setting.changers:
            if changer.value != value:
                ends = "resets it" if changer.value is None else f"sets it to {changer.value}"
                note = f" ({changer.note})" if changer.note else ""
                return f"{key}: {changer.who} {ends}{note}: {_place(changer.evidence)}"
        if setting.value == value:
            return ""
        if setting.value is None:
            return f"{key}: what it will be cannot be told: {setting.because}"
        if setting.lost:
            return f"{key} will be {setting.value}: {setting.lost}"
        decides = setting.because if setting.decided is None else _place(setting.decided)
        return f"{key} will be {setting.value}: {decides}"

    @property
    def after(self) -> tuple[str, ...]:
        """What each setting will be after a reboot, by what line, and what else is to be known."""
        width = max(map(len, self.wanted), default=0)
        lines = []
        for key in self.wanted:
            setting = self.settings.setting(key)
            if setting is not None:
                value = "unknown" if setting.value is None else setting.value
                by = setting.because if setting.decided is None else setting.decided.source
                lines.append(f"{key:{width}}  {value}  ({by})")
                lines += [
                    f"{'':{width}}  {'reset' if c.value is None else c.value}  "
                    f"({c.who}, later: {c.evidence.source})"
                    for c in setting.changers
                ]
        lines += [f"Warning: {warning}" for warning in self.settings.warnings]
        return (*lines, *(f"Not read: {one}" for one in self.settings.unread))


def _place(evidence: Evidence) -> str:
    return f"{evidence.source}: {evidence.text.strip()}"


def boot_files(host: Host, wanted: Mapping[str, int], write: bool = True) -> BootFiles:
    """Files for these settings, by key; none where the next boot has them, or none is wanted."""
    as_it_is = _computed(host, wanted, {})
    if as_it_is.lasting or not write:
        return as_it_is
    best = None
    support = _support(host, wanted)
    for path in _places(host):
        text = _text(host, path, wanted)
        if text is None:
            continue
        found = _computed(host, wanted, {**support, path: text})
        if found.lasting:
            return found
        best = best or found
    return best or as_it_is


def _computed(host: Host, wanted: Mapping[str, int], files: Mapping[str, str]) -> BootFiles:
    changes = []
    for path, text in files.items():
        before = host.read(path)
        old = before.text if isinstance(before, Evidence) else None
        if old != text:
            changes.append(WriteFile(path, text, old))
    return BootFiles(tuple(changes), would_win(host, files), wanted)


def _places(host: Host) -> tuple[str, ...]:
    return (PAGE_FILE, *OURS) if isinstance(host.read(PAGE_FILE), Evidence) else OURS


def _text(host: Host, path: str, wanted: Mapping[str, int]) -> str | None:
    """The whole file with these settings; None where what is there is not ours to replace."""
    old = host.read(path)
    values: dict[str, int] | None = {}
    if isinstance(host.link(path), str):
        return None
    if isinstance(old, Evidence):
        values = _ours(path, old.text)
    elif old.why is not Why.ABSENT:
        return None
    if values is None:
        return None
    values.update(wanted)
    return MARK + "".join(f"{key} = {value}\n" for key, value in sorted(values.items()))


def _ours(path: str, text: str) -> dict[str, int] | None:
    """The settings of a file that we wrote, or that is the page's two lines; None for another.

    A file of ours with a line that nobody but its author understands is another's by now.
    """
    marked = text.startswith(MARK)
    rest = text[len(MARK) :] if marked else text
    if not (marked or path == PAGE_FILE) or any(
        line.lstrip()[:1] in ("#", ";") for line in rest.splitlines()
    ):
        return None
    values = {}
    for line in parse(path, rest, Reader.SYSTEMD):
        plain = isinstance(line, Assignment) and not line.is_pattern() and line.text[0] != "-"
        key = setting_of(line.key) if isinstance(line, Assignment) and plain else None
        value = kernel_int(line.value or "") if isinstance(line, Assignment) else None
        if key is None or value is None or not (marked or key in (MAX, BUCKETS)):
            return None
        values[key] = value
    return values


def _support(host: Host, wanted: Mapping[str, int]) -> dict[str, str]:
    """What else it takes: the module early enough, and for a read-only buckets its parameter."""
    kernel = kernel_of(host)
    files = {}
    if kernel.module.when in (When.LATE, When.UNKNOWN):
        files[MODULES] = MARK + "nf_conntrack\n"
    old = version(kernel.release or "")
    if BUCKETS in wanted and old is not None and old < (4, 9):
        files[OPTIONS] = MARK + f"options nf_conntrack hashsize={wanted[BUCKETS]}\n"
    return files
