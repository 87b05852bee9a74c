"""The files that every login rests on: accounts, passwords' times, PAM, and what refuses all."""

from __future__ import annotations

from ec2rl.diagnosis.logins import FILES, Bar, Machine
from ec2rl.facts.accounts import Passwd, outside, parse_passwd, parse_shadow
from ec2rl.facts.pam import FOLDER, Stack, read_stack
from ec2rl.facts.ssh.config import Config, read_config
from ec2rl.host.queries.path_status import Lstat
from ec2rl.host.queries.shadow import Shadow
from ec2rl.model import Evidence, Unreadable, Why, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.facts.accounts import Password
    from ec2rl.host import Host
    from ec2rl.model import Statement

_REMOTE = (
    *("nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "glusterfs", "autofs", "afs", "beegfs"),
    *("gpfs", "ocfs2", "gfs2"),
)
_RULES, _LONGEST = 10_000, 4096
_PAM = "dnf reinstall pam, or apt-get install --reinstall libpam-runtime libpam-modules"


@record(frozen=True)
class LoginFiles:
    """What was read: accounts, sshd's configuration, PAM's stack of sshd, and the machine of all.

    `others` are sources of accounts beside the files.
    """

    passwd: Passwd
    config: Config | Unreadable
    machine: Machine
    stack: Stack | None
    others: tuple[str, ...]


def read_login_files(host: Host) -> LoginFiles | Unreadable:
    """Read them; Unreadable where there are no accounts to be read."""
    found = host.read("/etc/passwd")
    if isinstance(found, Unreadable):
        return found
    passwd = parse_passwd(found.text)
    people = passwd.people
    config = read_config(host)
    read = Config(()) if isinstance(config, Unreadable) else config
    groups, switch = host.read("/etc/group"), host.read("/etc/nsswitch.conf")
    shadow: dict[str, Password] | Unreadable
    told = host.query(Shadow())
    names = frozenset(one.name for one in people)
    shadow = told if isinstance(told, Unreadable) else parse_shadow(told.text, names)
    uses_pam = read.first("usepam", "no") == "yes"
    stack = read_stack(host) if uses_pam else None
    machine = Machine(
        host,
        read,
        people,
        groups.text if isinstance(groups, Evidence) else "",
        shadow,
        host.clock().now,
        is_debian=not isinstance(host.query(Lstat("/etc/debian_version")), Unreadable),
        remote=_remote(host),
        refusing=_refusing(host, stack),
        broken=tuple(
            Bar(FILES, one, FOLDER, by_hand=_PAM) for one in (stack.missing if stack else ())
        ),
        ages=stack is None or not _passes_over_age(stack),
        doubts=(*(stack.doubts if stack else ()), *_by_hosts_deny(host)),
    )
    unread = [*read.unread, *(stack.unread if stack else ())]
    if isinstance(groups, Unreadable) and groups.why is not Why.ABSENT:
        unread.append(groups)
    machine = replace(machine, unread=tuple(unread))
    others = outside(switch.text) if isinstance(switch, Evidence) else ()
    return LoginFiles(passwd, config, machine, stack, others)


def _passes_over_age(stack: Stack) -> bool:
    """Whether pam_unix does not mind the age of a password that was not asked for (pam_unix(8))."""
    line = stack.of("account", "pam_unix.so")
    return line is None or "no_pass_expiry" in line.words


def _by_hosts_deny(host: Host) -> Iterator[Statement]:
    """Name the rule for all clients that hosts_access(5) has, where sshd may be built with it."""
    if any(_rules(host, "/etc/hosts.allow")):
        return
    for number, clients in _rules(host, "/etc/hosts.deny"):
        if "ALL" in clients or "0.0.0.0/0.0.0.0" in clients:
            words = "line {n} of {path} refuses all clients, where sshd is built with libwrap"
            yield say(words, n=number, path="/etc/hosts.deny")
            return


def _rules(host: Host, path: str) -> Iterator[tuple[int, list[str]]]:
    """Give the clients of each rule for sshd, in capitals, with the number of its line."""
    found = host.read(path)
    for number, line in (
        enumerate(found.text.split("\n")[:_RULES], 1) if isinstance(found, Evidence) else ()
    ):
        daemons, colon, rest = line[:_LONGEST].upper().partition(":")
        names = daemons.replace(",", " ").split()
        if colon and not line.startswith("#") and ("SSHD" in names or "ALL" in names):
            yield number, rest.partition(":")[0].replace(",", " ").split()


def _remote(host: Host) -> tuple[str, ...]:
    """Name the folders that file systems of networks, or of an automounter, are mounted on."""
    mounts = host.read("/proc/self/mountinfo")
    found = []
    for line in mounts.text.split("\n") if isinstance(mounts, Evidence) else ():
        before, _, after = line.partition(" - ")
        kind = after.partition(" ")[0]
        words = before.split(" ")
        if len(words) > 4 and (kind in _REMOTE or kind.startswith("fuse.")):
            found.append(words[4])
    return tuple(found)


def _refusing(host: Host, stack: Stack | None) -> tuple[Bar, ...]:
    """What refuses everybody but root: nologin(5), by PAM where sshd uses it, else by sshd."""
    bars = []
    if stack is None or stack.of("account", "pam_nologin.so") or stack.of("auth", "pam_nologin.so"):
        for path in ("/etc/nologin", "/run/nologin"):
            is_pam = stack is not None
            if not is_pam and path.startswith("/run"):
                continue
            found = host.query(Lstat(path))
            if not isinstance(found, Unreadable):
                words = "{path} is there: nobody but root may log in"
                bars.append(Bar(FILES, say(words, path=path), path, by_hand=f"rm {path}"))
            elif found.why not in (Why.ABSENT, Why.NOT_COLLECTED):
                bars.append(Bar(FILES, say("{unread}", unread=found), maybe=True))
    return tuple(bars)
