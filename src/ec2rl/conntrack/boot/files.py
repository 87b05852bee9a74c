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
from ec2rl.model import Evidence, Unreadable, Why, WriteFile
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
    """Files to write, and what the next boot makes of all files then; `lasting` if as wanted."""

    changes: tuple[WriteFile, ...]
    settings: BootSettings
    lasting: bool


def boot_files(host: Host, wanted: Mapping[str, int]) -> BootFiles:
    """Files for these settings, by key; none where the next boot has them already."""
    best = _computed(host, wanted, {})
    if best.lasting:
        return best
    support = _support(host, wanted)
    for path in _places(host):
        text = _text(host, path, wanted)
        if text is None:
            continue
        found = _computed(host, wanted, {**support, path: text})
        if found.lasting or not best.changes:
            best = found
        if found.lasting:
            break
    return best


def _computed(host: Host, wanted: Mapping[str, int], files: Mapping[str, str]) -> BootFiles:
    settings = would_win(host, files)
    lasting = True
    for key, value in wanted.items():
        setting = settings.setting(key)
        lasting = lasting and setting is not None and setting.value == value and setting.survives()
    changes = []
    for path, text in files.items():
        before = host.read(path)
        old = before.text if isinstance(before, Evidence) else None
        if old != text:
            changes.append(WriteFile(path, text, old))
    return BootFiles(tuple(changes), settings, lasting)


def _places(host: Host) -> tuple[str, ...]:
    return (PAGE_FILE, *OURS) if _is_the_pages(host) else OURS


def _is_the_pages(host: Host) -> bool:
    """Whether the page's file is there and says nothing but the page's two settings, or is ours."""
    text = host.read(PAGE_FILE)
    if isinstance(text, Unreadable):
        return False
    if text.text.startswith(MARK):
        return True
    lines = list(parse(PAGE_FILE, text.text, Reader.SYSTEMD))
    comments = any(line.lstrip()[:1] in ("#", ";") for line in text.text.splitlines())
    return not comments and all(
        isinstance(line, Assignment) and setting_of(line.key) in (MAX, BUCKETS) for line in lines
    )


def _text(host: Host, path: str, wanted: Mapping[str, int]) -> str | None:
    """The whole file with these settings; None where what is there cannot be read."""
    old = host.read(path)
    values: dict[str, int] = {}
    if isinstance(old, Evidence):
        if path != PAGE_FILE and not old.text.startswith(MARK):
            return None
        for line in parse(path, old.text, Reader.SYSTEMD):
            if isinstance(line, Assignment) and line.value is not None:
                key, value = setting_of(line.key), kernel_int(line.value)
                if key is not None and value is not None:
                    values[key] = value
    elif old.why is not Why.ABSENT:
        return None
    values.update(wanted)
    return MARK + "".join(f"{key} = {value}\n" for key, value in sorted(values.items()))


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
