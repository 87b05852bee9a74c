"""Whether sshd can start on a machine, is started at boot, and listens."""

from __future__ import annotations

from ec2rl.facts.ssh.config import MAIN, Config, Fault
from ec2rl.facts.ssh.keywords import RARE
from ec2rl.facts.ssh.values import address_and_port, port_number
from ec2rl.facts.ways import way_to
from ec2rl.host import Host
from ec2rl.host.queries.key_form import WHOLE, KeyForm
from ec2rl.host.queries.path_status import FILE, FOLDER, Lstat, PathStatus
from ec2rl.host.queries.sshd_words import SshdWords
from ec2rl.model import Evidence, Statement, Unreadable, Why, say
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ec2rl.facts.accounts import Account
    from ec2rl.remedies import Owner

PROGRAM = "/usr/sbin/sshd"
_KEYS = tuple(f"/etc/ssh/ssh_host_{kind}_key" for kind in ("rsa", "ecdsa", "ed25519"))
_UNITS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_WANTS = ("multi-user.target.wants", "sockets.target.wants", "default.target.wants")
_NAMES = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket")
_MAKERS = ("sshd-keygen@.service", "sshd-keygen.service", "ssh-keygen.service")
NOT_TO_RUN = "/etc/ssh/sshd_not_to_be_run"
_LOOPBACK = ("127.", "localhost", "::1")


@record(frozen=True)
class HostKey:
    """A key that sshd wants, and why it is of no use ("" where it is); rights where they are wrong.

    `unread` is set where nobody could look.
    """

    path: str
    fault: Statement | None = None
    rights: Owner | None = None
    before: Owner | None = None
    unread: Unreadable | None = None
    is_missing: bool = False


@record(frozen=True)
class Listening:
    """The ports that root listens on here, of all addresses; what could not be read."""

    ports: frozenset[int]
    unread: Unreadable | None = None


def certain(host: Host, config: Config) -> tuple[tuple[Fault, ...], tuple[Fault, ...]]:
    """Part what sshd of this machine refuses from what nobody can tell of it."""
    if all(one.is_sure for one in config.faults):
        return config.faults, ()
    sure = tuple(one for one in config.faults if one.is_sure)
    found = host.query(SshdWords(PROGRAM, RARE))
    lines = [] if isinstance(found, Unreadable) else found.text.split("\n")
    version = _version(lines[0]) if lines else None
    if version is None:
        return sure, tuple(one for one in config.faults if not one.is_sure)
    words = frozenset(lines[1:])
    return tuple(one for one in config.faults if one.is_of(version, words)), ()


def _version(text: str) -> tuple[int, int] | None:
    major, _, rest = text.partition(".")
    minor = rest.partition("p")[0]
    is_one = major.isdigit() and minor.isdigit() and len(text) < 12
    return (int(major), int(minor)) if is_one else None


def host_keys(host: Host, config: Config, groups: str) -> tuple[HostKey, ...]:
    """Look at the keys that sshd wants: its own, or those of its three kinds."""
    named = [line.words[0] for name in ("hostkey", "hostdsakey") for line in config.values(name)]
    return tuple(_host_key(host, path, groups) for path in named or _KEYS)


def _host_key(host: Host, path: str, groups: str) -> HostKey:
    way = way_to(host, path if path.startswith("/") else f"/{path}")
    status = way.end
    if isinstance(status, Unreadable):
        if way.is_missing:
            return HostKey(path, say("{path} is missing", path=path), is_missing=True)
        return HostKey(path, unread=status)
    if status.kind != FILE:
        return HostKey(path, say("{path} is no regular file", path=path))
    form = host.query(KeyForm(way.path))
    if isinstance(form, Unreadable):
        return HostKey(path, unread=form)
    word = form.text.strip()
    if word != WHOLE:
        words = "{path} has a passphrase" if word == "passphrase" else "{path} is {word}"
        return HostKey(path, say(words, path=path, word=word))
    if status.uid == 0 and status.mode & 0o077 and not _is_of_keys_group(status, groups):
        words = "{path} has mode {mode}: sshd takes no key that others could read"
        said = say(words, path=path, mode=f"{status.mode:o}")
        before = (status.mode, status.uid, status.gid)
        return HostKey(path, said, (0o600, 0, status.gid), before)
    return HostKey(path)


def _is_of_keys_group(status: PathStatus, groups: str) -> bool:
    """Whether a key is readable by the group that distributions of Red Hat's family have for it."""
    from ec2rl.facts.accounts import parse_groups

    return status.mode == 0o640 and any(
        name == "ssh_keys" and gid == status.gid for name, gid, _ in parse_groups(groups)
    )


def makes_keys(host: Host) -> str:
    """Name the unit that makes missing keys whenever sshd starts, "" for none."""
    for name in _MAKERS:
        for folder in _UNITS:
            found = host.read(f"{folder}/{name}")
            if isinstance(found, Evidence) and found.text and "FirstBoot" not in found.text:
                return name
    return ""


def separation(
    host: Host, user: Account | None
) -> tuple[Statement, Owner | None, Owner | None] | None:
    """Say what is wrong with the user and the folder that sshd gives its rights up for."""
    if user is None:
        said = say("there is no user {user}, as whom sshd talks to clients", user="sshd")
        return said, None, None
    path = user.home
    is_running = path.startswith(("/run/", "/var/run/"))  # its service makes it
    status = host.query(Lstat(path))
    if isinstance(status, Unreadable):
        if status.why is Why.ABSENT and not is_running and "empty" in path:
            return say("the folder {path} is missing, which sshd needs", path=path), None, None
        return None
    if status.kind == FOLDER and (status.uid != 0 or status.mode & 0o022) and _is_its_own(path):
        words = "{path} has mode {mode}, user {uid}: it must be root's, and nobody else's to write"
        said = say(words, path=path, mode=f"{status.mode:o}", uid=status.uid)
        before = (status.mode, status.uid, status.gid)
        return said, (status.mode & ~0o022, 0, 0), before
    return None


def _is_its_own(path: str) -> bool:
    return "sshd" in path


def starts_at_boot(host: Host) -> tuple[str, ...]:
    """Name the units of sshd that a target wants; () for none."""
    found = []
    for folder in _UNITS:
        for wants in _WANTS:
            names = host.names(f"{folder}/{wants}")
            found += [
                one
                for one in (names if isinstance(names, tuple) else ())
                if one in _NAMES and not _is_dangling(host, f"{folder}/{wants}/{one}")
            ]
    return tuple(dict.fromkeys(found))


def _is_dangling(host: Host, path: str) -> bool:
    """Whether a link leads nowhere, and no folder has a unit of its name (systemd.unit(5))."""
    if not isinstance(host.link(path), str) or not way_to(host, path).is_missing:
        return False
    name = path.rpartition("/")[2]
    return all(is_there(host, f"{folder}/{name}") is False for folder in _UNITS)


def masked(host: Host) -> str:
    """Name the unit of sshd that is masked (systemctl(1)), "" for none."""
    for name in _NAMES[:2]:
        path = f"{_UNITS[0]}/{name}"
        to = host.link(path)
        if isinstance(to, str):
            if to == "/dev/null" or to.lstrip("./") == "dev/null":
                return name
            continue
        found = host.read(path)
        if isinstance(found, Evidence) and not found.text:
            return name
    return ""


def is_there(host: Host, path: str) -> bool | None:
    """Whether something is at a path; None where nobody can tell."""
    found = host.query(Lstat(path))
    if isinstance(found, Unreadable):
        return False if found.why is Why.ABSENT else None
    return True


def wanted(config: Config) -> tuple[tuple[str, int], ...]:
    """Give the addresses ("" for all) and ports that sshd is to listen on."""
    said = [port_number(line.words[0]) for line in config.values("port")]
    ports = [number for number in said if number is not None] or [22]
    found: list[tuple[str, int]] = []
    for line in config.values("listenaddress"):
        host, own = address_and_port(line.words[0])
        number = port_number(own) if own else None
        found += [(host, number)] if number else [(host, one) for one in ports]
    return tuple(found) or tuple(("", port) for port in ports)


def is_loopback(addresses: Sequence[tuple[str, int]]) -> bool:
    """Whether sshd listens for this machine itself alone."""
    return all(host.startswith(_LOOPBACK) for host, _ in addresses)


def listening(host: Host) -> Listening | None:
    """Read which ports root listens on (state 0A, uid 0); None of what does not run."""
    ports: set[int] = set()
    unread: Unreadable | None = None
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        found = host.read(path)
        if isinstance(found, Unreadable):
            if found.why is Why.NOT_COLLECTED:
                return None
            if found.why is not Why.ABSENT or path.endswith("tcp"):
                unread = found
            continue
        ports.update(_ports(found.text))
    return Listening(frozenset(ports), None if ports else unread)


def _ports(text: str) -> Iterator[int]:
    for line in text.split("\n"):
        if " 0A " in line:
            words = line.split()
            if len(words) > 7 and words[3] == "0A" and words[7] == "0":
                yield int(words[1].rpartition(":")[2], 16)


def main_is_missing(config: Config | Unreadable) -> bool:
    """Whether there is no configuration at all: sshd does not start without."""
    return isinstance(config, Unreadable) and config.why is Why.ABSENT and config.source == MAIN
