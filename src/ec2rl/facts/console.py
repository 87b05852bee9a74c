"""What a console can prove: it shows what `kernel.printk` lets through, and nothing else.

The kernel prints a message on its consoles if its level is below the console's (kernel/printk/
printk.c, suppress_message_printing()).  That one is CONFIG_CONSOLE_LOGLEVEL_DEFAULT, 7 upstream;
`loglevel=`, `quiet` and `debug` on the command line set it, and user space does (sysctl
kernel.printk, dmesg -n, sysrq).  `quiet` is CONFIG_CONSOLE_LOGLEVEL_QUIET: 4 upstream, 3 and less
in distributions.  dmesg -n sets no less than 1.  An oops and a panic set 15 (console_verbose()).
"""

from __future__ import annotations

from ec2rl.facts.trust import Grade
from ec2rl.host import ALERT, CRIT, DEBUG, EMERG, ERR, INFO, NOTICE, WARNING
from ec2rl.model import Statement, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.facts.log import LogLine

LEAST, ALL = 1, 15
"""The console's level of which nothing is known, and the one that shows all."""

NAMES = {
    EMERG: "KERN_EMERG",
    ALERT: "KERN_ALERT",
    CRIT: "KERN_CRIT",
    ERR: "KERN_ERR",
    WARNING: "KERN_WARNING",
    NOTICE: "KERN_NOTICE",
    INFO: "KERN_INFO",
    DEBUG: "KERN_DEBUG",
}


@record(frozen=True)
class Console:
    """What a console showed of the last boot.

    It showed what is told below `level`; `why` says how that is known, or why it is not.  `until`
    is the stamp of its last line, in seconds since boot, None where it has none.  `boots` are the
    boots that it saw, as `LogLine.boot` names them, the last one last.
    """

    level: int
    why: Statement
    until: float | None = None
    boots: tuple[str | None, ...] = ()

    def shows(self, level: int) -> bool:
        """Tell whether it must have shown what the kernel tells at this level."""
        return level < self.level


# Without a stamp, and up to 4.x without a line end too: what follows stands behind it.
_WORDS = r"\*\* (?P<n>\d{1,20}) printk messages dropped \*\*"
_DROPPED = r".{0,64}?" + _WORDS


def messages_dropped(line: LogLine) -> int | None:
    """Tell how many messages the kernel dropped before a console got them; None for another line.

    What kept the console may have put a stamp of its own before them.
    """
    import re

    if line.monotonic is None:
        lost = re.match(_DROPPED, line.message)
    else:
        lost = re.fullmatch(_WORDS, line.message.strip()) if line.trusted else None
    return int(lost["n"]) if lost is not None else None


def may_have_dropped(line: LogLine) -> bool:
    """Whether the kernel dropped messages behind a line that something broke off there."""
    import re

    is_told = re.search(_WORDS + r"\s*\Z", line.message) is not None
    return messages_dropped(line) is not None or (is_told and line.trusted)


def vouched(line: LogLine) -> LogLine:
    """Give the same; what a console says without a stamp of dropped messages is the kernel's."""
    if line.grade is Grade.UNVERIFIED and messages_dropped(line) is not None:
        return replace(line, grade=Grade.TEXT, doubt="")
    return line


_UNKNOWN = "its level is not known (kernel.printk)"
_QUIET = "its level is low (quiet on the command line)"
# procps of Ubuntu sets kernel.printk to 4 (/etc/sysctl.d/10-console-messages.conf), rc.sysinit of
# RHEL 5 and 6 and Amazon Linux 1 says `dmesg -n 3` (/etc/sysconfig/init, LOGLEVEL); OpenRC's
# init.d/dmesg says `dmesg -n1` (dmesg_level in conf.d/dmesg).
_LOWERED = r"Ubuntu|Alpine|[Gg]entoo|[Aa]rtix|\.(?:el[56]|amzn1)(?:\.|\b)"


def console(messages: Sequence[str], end: str, boots: tuple[str | None, ...]) -> Console:
    """Tell what a console can prove by the messages of its last boot, and by how it ends."""
    level, why = _told(messages)
    until, shown = _shown(end)
    if level is None and shown is not None:
        level = shown + 1
        why = say("{level} in its last second", level=NAMES[shown])
    return Console(LEAST if level is None else level, why, until, boots)


def _told(messages: Sequence[str]) -> tuple[int | None, Statement]:
    """The level by what the boot says of it, None for unknown.

    Of the command line the last word counts; what came later counts only where it lowered it.
    """
    import re

    level: int | None = None
    why = say(_UNKNOWN)
    is_lowered = False
    for message in messages:
        if message.startswith("Linux version "):
            is_lowered = re.search(_LOWERED, message) is not None
        words = re.fullmatch(r"(?:Kernel c|C)ommand line: (.*)", message.strip(), re.DOTALL)
        for word in words[1].split() if words is not None else ():
            if re.fullmatch(r"ignore_loglevel(?:=[1yY].*)?", word):
                return ALL, say("ignore_loglevel on the command line")
            number = re.fullmatch(r"loglevel=(\d{1,2})", word)
            if number is not None or word == "debug":
                level = int(number[1]) if number is not None else 10
                why = say("{word} on the command line", word=word)
                if is_lowered and level > LEAST:
                    level, why = None, say(_UNKNOWN)
            elif word == "quiet":
                level, why = LEAST, say(_QUIET)
        later = re.search(r"(?:kernel\.printk = |Loglevel set to )(\d{1,2})\b", message)
        if later is not None and (level is None or int(later[1]) < level):
            level, why = int(later[1]), say("{word}", word=later[0])
    return level, why


_LATE = 1.0
"""Seconds: what was shown in the last of them shows the level at the end."""
_STAMPED = r"(?:<\d{1,3}>)?\[ *(\d{1,9}\.\d{6})\](?: ?\[ *[TC]\d{1,10}\])? ?(.*)"
# The level of messages that end many a console, the same since 4.4 and before.
_KNOWN = (
    # arch/x86/kernel/reboot.c; kernel/audit.c, kauditd_printk_skb(); drivers/char/random.c.
    (NOTICE, r"reboot: machine restart|audit: type=\d+ .*|random: crng init done.*"),
    # init/do_mounts.c, mount_root_generic(): without a level, so CONFIG_MESSAGE_LOGLEVEL_DEFAULT.
    (WARNING, r"List of all (?:bdev filesystems|partitions):"),
    # init/main.c; drivers/input/input.c; net/ipv6/addrconf.c; fs/ext4/super.c; fs/xfs/xfs_mount.c
    # and xfs_super.c; drivers/usb/core/hub.c; mm/page_alloc.c.
    (INFO, r"Run \S+ as init process|input: .* as /devices/.*|Freeing .* memory: \d+K"),
    (INFO, r"IPv6: ADDRCONF\(NETDEV_\w+\): .*: link (?:becomes|is not) ready"),
    (INFO, r"(?:EXT4-fs|XFS) \(\S+\): (?:re-?)?(?:mounted filesystem|[Mm]ounted|Ending clean mount)"
           r".*"),
    (INFO, r"usb [\d.-]+: (?:new \S+ USB device number|New USB device (?:found|strings)).*"),
    # arch/x86/kvm/svm/svm.c; crypto/cryptd.c; fs/btrfs/super.c.
    (INFO, r"kvm(?:_amd|_intel)?: .*(?:enabled|disabled|supported)"),
    (INFO, r"cryptd: max_cpu_qlen set to \d+|Btrfs loaded, .*"),
)  # fmt: skip
_EMULATORS = r"qemu-system-\w+: terminating on signal "
"""What is of the program that kept the text, and not of the machine."""


def _shown(end: str) -> tuple[float | None, int | None]:
    """The last stamp of a console's end, and the weakest level that was shown right before it.

    None where text of user space stands behind it: nobody knows when that was.
    """
    import re

    until: float | None = None
    behind = ""
    found: list[tuple[float, int]] = []
    for line in end.split("\n"):
        stamped = re.search(_STAMPED, line)
        if stamped is None:
            behind += "" if re.match(_EMULATORS, line) else line.strip()
            continue
        when, behind = float(stamped[1]), ""
        found = [one for one in found if until is not None and until <= when <= one[0] + _LATE]
        found += [(when, level) for level, form in _KNOWN if re.fullmatch(form, stamped[2].strip())]
        until = when
    return until, max(level for _, level in found) if found and not behind else None
