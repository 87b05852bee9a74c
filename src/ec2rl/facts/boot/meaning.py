"""What the first cause of a boot's end means, with all that the boot says of it."""

from __future__ import annotations

from ec2rl.facts.boot.lines import is_shown, names_match
from ec2rl.facts.boot.story import Boot, Event
from ec2rl.facts.boot.wording import Stage
from ec2rl.facts.panic import kind_of
from ec2rl.facts.unit_names import unit_path
from ec2rl.model import Statement, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Callable

    Meaning = tuple[str, Statement]

REASONS = ("character set", "damaged", "newer file system", "bad option")
"""What the kernel says of a file system that it does not mount."""
_SYSROOT = "/sysroot"
"""Where an initrd that runs systemd mounts the root file system."""


def meaning(boot: Boot, first: Event) -> Meaning:
    """Tell of which kind a cause is, and what it means."""
    if first.kind in ("initrd gave up", "initrd shell") and boot.of("no root device"):
        first = boot.of("no root device")[0]
    more = _MORE.get(first.kind)
    if more is not None:
        return more(boot, first)
    return first.kind, _said(first)


def _said(first: Event) -> Statement:
    values = {name: value.rstrip(".") for name, value in first.values.items()}
    return say(first.word.said, **values)


def _no_root(boot: Boot, first: Event) -> Meaning:
    panics = boot.of("root panic")
    if not panics:
        return first.kind, _said(first)
    device = panics[0].values["device"]
    root = first.values.get("root") or boot.option("root") or "?"
    if not device.startswith("unknown-block(0,"):
        words = "the kernel finds {root}, and can mount no file system of it: {device}"
        return "root file system", say(words, root=root, device=device)
    is_heard = boot.begins and boot.option("quiet") is None and boot.option("loglevel") is None
    if is_heard and not boot.of("initrd loaded"):
        words = "the kernel {version} was started with no initrd, and finds no root device {root}"
        return "no initrd", say(words, version=boot.version, root=root)
    return "root device", say("the kernel finds no root device {root}", root=root)


def _timeout(boot: Boot, first: Event) -> Meaning:
    device = whole_device(boot, first.values["device"])
    where = mount_behind(boot, first)
    if where == _SYSROOT:
        return "no root device", say("the root device {root} was not found", root=device)
    if where:
        words = "the device {device} of {where} did not appear in time"
        return first.kind, say(words, device=device, where=where)
    return first.kind, say("the device {device} did not appear in time", device=device)


def whole_device(boot: Boot, shown: str) -> str:
    """The device that systemd named, also where its status line is shortened in the middle."""
    for one in boot.of("named"):
        unit = one.values["unit"]
        path = one.values.get("path") or unit_path(unit)
        if is_shown(shown, unit, path):
            return path
    return shown.partition(" - ")[2] or shown


def mount_behind(boot: Boot, first: Event) -> str:
    """The place at which systemd would have mounted what failed: the next that depends on it."""
    for one in boot.of("dependency"):
        unit = one.values["unit"].rstrip(".")
        path = unit.partition(" - ")[2] or unit
        if one.line.number > first.line.number and path.startswith("/") and "/dev/" not in path:
            return path
    return ""


def _checked(boot: Boot, first: Event) -> Meaning:
    disks = [one.values["disk"] for one in boot.of("fsck") if "disk" in one.values]
    if not disks or first.stage is Stage.INITRD:
        return first.kind, _said(first)
    words = "fsck could not repair {disk} by itself, and systemd does not go on without it"
    return first.kind, say(words, disk=mount_behind(boot, first) or disks[-1])


def _not_mounted(boot: Boot, first: Event) -> Meaning:
    path, why = mount_reason(boot, first)
    why = why or kernel_reason(boot, first)
    if not why:
        return first.kind, say("{mount} could not be mounted", mount=path)
    kind = "unknown type" if why.startswith("unknown filesystem type") else first.kind
    return kind, say("{mount} could not be mounted: {why}", mount=path, why=why)


def mount_reason(boot: Boot, first: Event) -> tuple[str, str]:
    """The mount point that failed, and why in mount(8)'s own words, "" where nothing tells.

    Old ones do not name the mount point: theirs is that of the one mount that failed.
    """
    shown = first.values["mount"]
    path = shown.partition(" - ")[2] or shown
    told = [one for one in (*boot.passed, *boot.events) if one.kind in ("mount reason", "mount")]
    is_alone = len({one.values["mount"] for one in told if one.kind == "mount"}) == 1
    for one in told:
        if one.kind == "mount reason":
            where = one.values.get("mount", path if is_alone else "")
            if names_match(path, where):
                return where, one.values["why"].rstrip(".")
    return path, ""


def kernel_reason(boot: Boot, mount: Event) -> str:
    """What the kernel last said of a file system before a mount failed, "" for nothing."""
    said = [
        one for one in (*boot.passed, *boot.events)
        if one.kind in REASONS and one.line.number < mount.line.number
    ]  # fmt: skip
    return max(said, key=lambda one: one.line.number).line.text if said else ""


def _not_found(boot: Boot, _: Event) -> Meaning:
    """No root device; on Xen it is a disk of Xen's, and what NVMe there is holds no system."""
    named = [one.values["root"] for one in boot.of("no root device") if "root" in one.values]
    root = (named or [boot.option("root") or "that the command line names"])[0]
    is_seen = any(one.values["disk"].startswith("xvd") for one in boot.of("disk"))
    if boot.of("xen") and not is_seen:
        words = (
            "the root device {root} was not found: no disk of Xen's (xvd) was seen, so the initrd "
            "lacks the driver xen-blkfront"
        )
        return "xen", say(words, root=root)
    return "no root device", say("the root device {root} was not found", root=root)


# wait(2): the low seven bits are the signal that ended it, the next byte its exit status.
_SIGNALS = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 11: "SIGSEGV"}


def _panicked(_: Boot, first: Event) -> Meaning:
    return kind_of(first.values["why"]) or first.kind, _said(first)


def _died(_: Boot, first: Event) -> Meaning:
    return first.kind, _ended(first.values.get("code"))


def _ended(shown: str | None) -> Statement:
    if shown is None:
        return say("the first program ended, and the kernel panicked")
    code = int(shown, 16)
    signal, status = code & 0x7F, code >> 8 & 0xFF
    if signal:
        words = (
            "the first program died of signal {signal}{name}: it, or a library of it, is damaged"
        )
        name = f" ({_SIGNALS[signal]})" if signal in _SIGNALS else ""
        return say(words, signal=signal, name=name)
    if status == 127:
        return say(
            "the first program could not be started: a library of it is missing (status 127)"
        )
    words = "the first program ended with status {status}: it, or its interpreter, cannot run"
    return say(words, status=status)


_MORE: Mapping[str, Callable[[Boot, Event], Meaning]] = {
    "root device": _no_root,
    "root panic": _no_root,
    "root file system": _no_root,
    "no root device": _not_found,
    "fsck": _checked,
    "device timeout": _timeout,
    "mount": _not_mounted,
    "init died": _died,
    "panic": _panicked,
}
