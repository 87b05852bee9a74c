"""Units of systemd have failed: which, of what, and whether the machine is cut off by it."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog
from ec2rl.host import BOOT_ID, Host
from ec2rl.host.queries.failed_units import FailedUnits
from ec2rl.model import (
    Finding,
    Role,
    Statement,
    Unreadable,
    Verdict,
    Why,
    helps,
    more,
    next_step,
    say,
    see_page,
)
from ec2rl.module import Module, Options
from ec2rl.quantities import plural
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.unit_failures import UnitFailure, UnitStory
    from ec2rl.model import Fact

NAME = "unitsfailed"
_NAMED, _FACTS, _WORDED = 6, 64, 8
_SSH = "nobody can log in by ssh"
_NETWORK = "the network may not be up"
_CLOUD = "the instance may lack its keys, its name or its network: see cloudinitfailed"
_NEEDED = {
    **dict.fromkeys(("ssh.service", "sshd.service", "ssh.socket", "sshd.socket"), _SSH),
    **dict.fromkeys(
        ("systemd-networkd.service", "NetworkManager.service", "networking.service",
         "network.service", "wickedd.service", "wicked.service", "dhcpcd.service"), _NETWORK,
    ),
    "systemd-resolved.service": "names may not be resolved",
    **dict.fromkeys(
        ("cloud-init-local.service", "cloud-init.service", "cloud-init-main.service",
         "cloud-init-network.service"), _CLOUD,
    ),
    **dict.fromkeys(("dbus.service", "dbus-broker.service", "dbus.socket"),
                    "what talks over D-Bus does not work"),
    "systemd-logind.service": "logins may hang",
    "systemd-udevd.service": "devices may be missing",
    **dict.fromkeys(("initrd-switch-root.service", "sysroot.mount", "initrd-cleanup.service"),
                    "the boot stops in its initrd: see bootstopped"),
}  # fmt: skip
"""Units that others need, and what it means that they failed."""
_USUAL = ("kdump.service", "NetworkManager-wait-online.service", "dnf-makecache.service",
          "systemd-networkd-wait-online.service", "apt-daily.service", "motd-news.service",
          "apt-daily-upgrade.service", "fwupd-refresh.service", "logrotate.service",
          "update-motd.service", "mcelog.service", "rngd.service")  # fmt: skip
"""Units that fail on healthy machines too."""


@record(frozen=True)
class Seen:
    """The units that failed; `source` is where that is told, Unreadable where nothing tells.

    `is_proven` is whether only systemd itself can have said so; `needed` are mounts that
    /etc/fstab asks for without `nofail`; `is_routed` is whether the machine has a way out,
    `is_boot` whether a boot is told from its beginning.
    """

    source: str | Unreadable
    story: UnitStory | None = None
    is_proven: bool = False
    is_systemd: bool = True
    needed: tuple[str, ...] = ()
    is_routed: bool = False
    is_boot: bool = False


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Ask systemd; of a machine that does not run read its journal, or what a console shows."""
    answer = host.query(FailedUnits())
    if not isinstance(answer, Unreadable):
        if not answer.text.strip():
            return Seen("systemd")
        from ec2rl.facts.unit_failures import UnitStory, parse_failed

        failed = parse_failed(answer.text)
        boot = host.read(BOOT_ID)
        number = "" if isinstance(boot, Unreadable) else boot.text.strip().replace("-", "")
        seen = Seen("systemd", UnitStory(failed, (), is_told=True), True)
        return _with_words(host, seen, number)
    if host.is_live:
        return Seen(answer, is_systemd=answer.why is not Why.ABSENT or _is_systemd(host))
    return _saved(host)


def _is_systemd(host: Host) -> bool:
    """Whether systemd is PID 1 here (sd_booted(3)); true where nobody can tell."""
    found = host.names("/run/systemd/system")
    return not (isinstance(found, Unreadable) and found.why is Why.ABSENT)


def _saved(host: Host) -> Seen:
    from ec2rl.facts.unit_failures import of_console, of_log
    from ec2rl.host.queries.boot_text import BootText
    from ec2rl.host.queries.service_text import ServiceText
    from ec2rl.host.queries.units_journal import UnitsJournal

    journal = host.query(UnitsJournal())
    if not isinstance(journal, Unreadable):
        number = journal.text.partition("\n")[0].removeprefix("boot ")
        return _with_words(host, Seen("journal", of_log(journal.text), True), number)
    lines = host.query(ServiceText())
    if not isinstance(lines, Unreadable) and (story := of_log(lines.text)).is_told:
        return Seen(lines.path, story)
    printed = host.query(BootText())
    if isinstance(printed, Unreadable):
        return Seen(printed if journal.why is Why.NOT_COLLECTED else journal)
    story = of_console(printed.text)
    if not story.is_told:
        return Seen(Unreadable(printed.path, Why.PARTIAL, "no line of systemd's"))
    return Seen(printed.path, story, is_boot=True)


def _with_words(host: Host, seen: Seen, boot: str) -> Seen:
    """Add the last words of each unit in a boot, and what /etc/fstab needs of the mounts."""
    from ec2rl.host.queries.units_journal import UnitWords

    assert seen.story is not None
    failed = list(seen.story.failed)
    for at, one in enumerate(failed[:_WORDED]):
        if one.unit and boot:
            words = host.query(UnitWords(one.unit, boot))
            if not isinstance(words, Unreadable):
                failed[at] = replace(one, words=tuple(words.text.splitlines()))
    has_network = any(_NEEDED.get(one.unit) == _NETWORK for one in failed)
    is_routed = has_network and host.is_live and _is_routed(host)
    needed = _fstab_units(host) if any(one.unit.endswith(".mount") for one in failed) else ()
    story = replace(seen.story, failed=tuple(failed))
    return replace(seen, story=story, needed=needed, is_routed=is_routed)


def _is_routed(host: Host) -> bool:
    """Whether there is a default route of IPv4: another program has brought the network up."""
    text = host.read("/proc/net/route")
    lines = [] if isinstance(text, Unreadable) else text.text.split("\n")[1:1000]
    return any(line.split()[1:2] == ["00000000"] for line in lines)


def _fstab_units(host: Host) -> tuple[str, ...]:
    from ec2rl.facts.fstab import FSTAB, parse_fstab

    text = host.read(FSTAB)
    if isinstance(text, Unreadable):
        return ()
    return tuple(one.unit for one in parse_fstab(text.text).entries if one.stops_boot)


def judge(seen: Seen) -> Finding:
    """Judge by whether what failed is needed; what users can write makes no failure."""
    if isinstance(seen.source, Unreadable):
        return _not_told(seen.source, seen.is_systemd)
    story = seen.story
    if story is not None and not (story.failed or story.healed or story.is_up):
        words = (
            "Cannot tell whether a unit of systemd has failed: {source} does not tell of one, and "
        )
        said = say(words + "not that the boot came up", source=seen.source)
        return Finding(Verdict.UNKNOWN, said, (see_page(NAME),))
    if story is None or not (story.failed or story.healed):
        proof = Statement("Rests on: {source}", {"source": seen.source}, Role.PROOF)
        return Finding(Verdict.OK, say("No unit of systemd has failed."), (proof,))
    worst = [one for one in story.failed if _harm(seen, one)]
    others = [one for one in story.failed if not _harm(seen, one)]
    facts: dict[str, Fact] = {
        "failed": [_fact(seen, one) for one in story.failed[:_FACTS]],
        "healed": [one.name for one in story.healed[:_FACTS]],
    }
    again = [say("{name} failed, and was well again later", name=one.name)
             for one in story.healed[:_NAMED]]  # fmt: skip
    if not story.failed:
        said = say("Units failed, and all of them were well again later: {names:, }",
                   names=_names(story.healed))  # fmt: skip
        return Finding(Verdict.WARNING, said, (see_page(NAME),), facts=facts)
    details = [line for one in (*worst, *others)[:_NAMED] for line in _told(one)]
    details += [more(line) for line in again]
    if len(story.failed) > _NAMED:
        details.append(say("{n:more unit} failed", n=len(story.failed) - _NAMED))
    stopped = seen.is_boot and not story.is_up
    see = say("What helps: see bootstopped: it tells whether the boot stopped there")
    is_there = stopped and (not worst or worst[0].unit.startswith("initrd-"))
    details += [helps(see) if is_there else _help(worst or others), see_page(NAME)]
    if not worst:
        words = "{n:unit} failed, none that logins or the network need: {names:, }"
        if stopped:
            words = "{n:unit} failed, and nothing tells that the boot came up: {names:, }"
        said = say(words, n=len(others), names=_names(others))
        return Finding(Verdict.WARNING, said, tuple(details), facts=facts)
    first = worst[0]
    said = say("{name} has failed{how}: {harm}", name=first.name, how=_how(first),
               harm=_harm(seen, first))  # fmt: skip
    if seen.is_proven and not first.may_be_well:
        return Finding(Verdict.PROBLEM, said, tuple(details), facts=facts)
    words = "{said} (told by {source} alone, which does not tell whether it came up later)"
    told = say(words, said=said, source=seen.source)
    return Finding(Verdict.WARNING, told, tuple(details), facts=facts)


def _harm(seen: Seen, one: UnitFailure) -> str:
    """What it means that a unit failed, "" for one that others do not need."""
    if one.unit in seen.needed:
        return "/etc/fstab mounts it, and the boot needs it: see fstabfailures"
    if not one.unit and ("OpenSSH" in one.said or "OpenBSD Secure Shell" in one.said):
        return _SSH
    harm = _NEEDED.get(one.unit, "")
    return "" if seen.is_routed and harm == _NETWORK else harm


def _how(one: UnitFailure) -> str:
    parts = [one.result, one.exit, plural(one.restarts, "restart") if one.restarts else ""]
    if one.is_loop and one.result != "start-limit-hit":
        parts.append("started again and again until systemd gave up")
    told = ", ".join(filter(None, parts))
    return f" ({told})" if told else ""


def _told(one: UnitFailure) -> list[Statement]:
    usual = ": fails on healthy machines too" if one.unit in _USUAL else ""
    about = f", {one.said}" if one.unit and one.said else ""
    found = [say("{name}{about}{how}{usual}", name=one.name, about=about, how=_how(one),
                 usual=usual)]  # fmt: skip
    if one.words:
        found.append(say("Its last words: {words}", words=one.words[-1]))
    return found


def _names(units: tuple[UnitFailure, ...] | list[UnitFailure]) -> tuple[str, ...]:
    return tuple(one.name for one in units[:_NAMED])


def _help(units: list[UnitFailure]) -> Statement:
    if any("No space left on device" in line for one in units for line in one.words):
        return helps(say("What helps: its disk is full: see diskfull; then start it again"))
    unit = next((one.unit for one in units if one.unit), "")
    if not unit:
        return helps(say("What helps: systemctl --failed names the units, journalctl -b -u UNIT"))
    words = "What helps: journalctl -b -u {unit} tells why; then systemctl restart {unit}"
    return helps(say(words, unit=unit))


def _fact(seen: Seen, one: UnitFailure) -> Fact:
    return {
        "unit": one.unit or None,
        "description": one.said or None,
        "result": one.result or None,
        "exit": one.exit or None,
        "restarts": one.restarts,
        "loop": one.is_loop,
        "needed": bool(_harm(seen, one)),
        "words": list(one.words),
    }


def _not_told(why: Unreadable, is_systemd: bool) -> Finding:
    if not is_systemd:
        said = say("There are no units here: systemd is not the first program")
        return Finding(Verdict.NOT_APPLICABLE, said)
    said = say("Cannot tell whether a unit of systemd has failed: {why}", why=why)
    return Finding(Verdict.UNKNOWN, said, (next_step("Next: {collect_all}"),))


MODULE = Module(
    name=NAME,
    title="All units of systemd work",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, to ask systemd",
    by_hand=lambda _: ("systemctl --failed", "journalctl -b -p err"),
)
