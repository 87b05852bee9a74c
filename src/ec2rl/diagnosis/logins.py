"""Who can log in by ssh, and what is in the way of each account: sshd's rules, and files.

auth.c, auth2-pubkey.c and misc.c of OpenSSH 7.4 to 10.2; pam_unix(8) and shadow(5) for accounts.
"""

from __future__ import annotations

from ec2rl.facts.accounts import Account, Password, groups_of
from ec2rl.facts.ssh.for_user import ForUser, Who, refused
from ec2rl.facts.ssh.public_keys import parse_keys
from ec2rl.facts.ways import Way, barred, unsafe, way_to
from ec2rl.host.queries.path_status import FILE, FOLDER, PathStatus
from ec2rl.model import Evidence, Statement, Unreadable, Why, say
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from ec2rl.facts.ssh.config import Config
    from ec2rl.facts.ways import Step
    from ec2rl.host import Host
    from ec2rl.remedies import Owner

SSHD, FILES = "sshd", "files"
KEY, PASSWORD, COMMAND, CERTIFICATE = "a key", "a password", "a key command", "a certificate"
_DAY = 86400
_LEAST_DAY = 14610
"""2010-01-01: where no time is known, it is later than this."""
_FOREVER = 36500
_SMALL = 4096
"""Bytes: what is larger than this is no text that stands where a shell should."""
_DEFAULT_FILES = (".ssh/authorized_keys", ".ssh/authorized_keys2")


@record(frozen=True)
class Bar:
    """What is in the way of a login: whose matter it is (SSHD or FILES), and what it is in words.

    `path` has wrong rights where `rights` are the right ones, `before` those that it has.  `maybe`
    is whether it could not be looked at; `by_hand` is the command that helps, "" for none.
    """

    area: str
    said: Statement
    path: str = ""
    rights: Owner | None = None
    before: Owner | None = None
    maybe: bool = False
    by_hand: str = ""


@record(frozen=True)
class Login:
    """How an account can log in (`ways`), and what is in the way of it."""

    account: Account
    ways: tuple[str, ...]
    bars: tuple[Bar, ...]
    has_keys: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it can, as far as all could be looked at."""
        return bool(self.ways)

    @property
    def may_be(self) -> bool:
        """Whether nobody can tell: something was not looked at, and nothing else refuses it."""
        sure = any(not bar.maybe for bar in self.bars)
        return not self.ways and any(bar.maybe for bar in self.bars) and (self.has_keys or not sure)


@record(frozen=True)
class Machine:
    """What all logins of a machine rest on.

    `config` is None where sshd's could not be read: then its defaults stand for it.  `shadow` has
    those of the accounts for people; `now` is seconds since the epoch, 0 for unknown; `remote` are
    folders on file systems of networks, `refusing` what refuses everybody but root, `broken` what
    refuses root as well; `ages` is whether PAM minds how old a password is; `unread` and
    `doubts`, which were not read or not judged, may refuse anybody.
    """

    host: Host
    config: Config
    people: tuple[Account, ...]
    groups: str
    shadow: Mapping[str, Password] | Unreadable
    now: float
    is_debian: bool = False
    remote: tuple[str, ...] = ()
    refusing: tuple[Bar, ...] = ()
    broken: tuple[Bar, ...] = ()
    ages: bool = True
    unread: tuple[Unreadable, ...] = ()
    doubts: tuple[Statement, ...] = ()


def login_of(machine: Machine, account: Account) -> Login:
    """Tell how an account can log in, and what is in the way."""
    names, gids = groups_of(account, machine.groups)
    settings = ForUser(machine.config, Who(account.name, names))
    uses_pam = settings.is_on("usepam", default=False)
    general = [*machine.broken, *_of_account(machine, account, settings, uses_pam)]
    if account.uid != 0:
        general += machine.refusing
    ways, bars, has_keys = _methods(machine, account, settings, gids)
    general += [Bar(SSHD, say("{unread}", unread=one), maybe=True) for one in machine.unread]
    general += [Bar(SSHD, one, maybe=True) for one in machine.doubts]
    return Login(account, () if general else ways, (*general, *bars), has_keys)


def _of_account(
    machine: Machine, account: Account, settings: ForUser, uses_pam: bool
) -> Iterator[Bar]:
    """What refuses an account, whatever it shows."""
    name = account.name
    why = refused(settings)
    if why is not None:
        yield Bar(SSHD, why)
    if account.uid == 0 and settings.value("permitrootlogin", "") == "no":
        yield Bar(SSHD, say("PermitRootLogin no"))
    yield from _of_session(settings)
    yield from _of_shell(machine, account)
    shadow = machine.shadow
    if isinstance(shadow, Unreadable):
        if shadow.why is Why.ABSENT and uses_pam:
            said = say("{path} is missing", path="/etc/shadow")
            yield Bar(FILES, said, "/etc/shadow", by_hand="pwconv")
        elif shadow.why is not Why.ABSENT:
            yield Bar(FILES, say("{unread}", unread=shadow), maybe=True)
        return
    password = shadow.get(name)
    if password is None:
        if uses_pam:
            said = say("{user} has no line in /etc/shadow", user=name)
            yield Bar(FILES, said, "/etc/shadow", by_hand="pwconv")
        return
    if not uses_pam and password.state == "locked":
        words = "the account {user} is locked (a ! in /etc/shadow) and UsePAM is off"
        how = f"usermod -p '*' {quoted(name)}"
        yield Bar(FILES, say(words, user=name), "/etc/shadow", by_hand=how)
    yield from _of_age(account, password, machine, uses_pam)


def _of_session(settings: ForUser) -> Iterator[Bar]:
    """What lets nobody work, who is let in."""
    if settings.value("maxsessions", "10") == "0":
        yield Bar(SSHD, say("MaxSessions 0"))
    forced = settings.words("forcecommand", ("none",))[0]
    if forced.rpartition("/")[2] in ("false", "true", "nologin"):
        yield Bar(SSHD, say("ForceCommand {command}", command=forced))


def _of_age(
    account: Account, password: Password, machine: Machine, uses_pam: bool
) -> Iterator[Bar]:
    """What shadow's times refuse (pam_unix's check_shadow_expiry(), sshd's auth-shadow.c)."""
    today, name = int(machine.now // _DAY) or _LEAST_DAY, account.name
    yield from _of_expiry(name, password, today, is_known=bool(machine.now))
    most, changed = password.most, password.changed
    if not uses_pam or not machine.ages or changed is None:
        return
    young = f"chage -d {_date(today)} -M -1 {quoted(name)}"
    is_aging = most is not None and most >= 0 and changed != 0
    if password.state == "set" and not (is_aging and password.bears is not None):
        return
    if changed == 0:
        words = "{user} must change its password first, and has none that could be changed"
        yield Bar(FILES, say(words, user=name), "/etc/shadow", by_hand=young)
    elif is_aging and most is not None:
        more = 0 if password.state != "set" else password.bears or 0
        days = today - changed
        if days > most + more and password.state == "set":
            words = "the password of {user} is {days:day} old, {most} and {more} are allowed"
            said = say(words, user=name, days=days, most=most, more=more)
            yield Bar(FILES, said, "/etc/shadow", by_hand=young)
        elif days > most + more:
            words = "the password of {user} is {days:day} old, {most} are allowed, and it has none"
            said = say(words + " that could be changed", user=name, days=days, most=most)
            yield Bar(FILES, said, "/etc/shadow", by_hand=young)
        elif not machine.now and most < _FOREVER:
            words = "the password of {user} may be too old, and the time is not known"
            yield Bar(FILES, say(words, user=name), "/etc/shadow", maybe=True)


def _of_expiry(name: str, password: Password, today: int, *, is_known: bool) -> Iterator[Bar]:
    """Whether an account has expired; it may have where no time is known."""
    end = password.expires
    if end is None or end < 0:
        return
    when = float(end * _DAY)
    if today >= end:
        said = say("the account {user} expired on {when:time}", user=name, when=when)
        yield Bar(FILES, said, "/etc/shadow", by_hand=f"chage -E -1 {quoted(name)}")
    elif not is_known:
        words = "the account {user} expires on {when:time}, and the time is not known"
        yield Bar(FILES, say(words, user=name, when=when), "/etc/shadow", maybe=True)


def _date(day: int) -> str:
    import time

    return time.strftime("%Y-%m-%d", time.gmtime(day * _DAY))


def _of_shell(machine: Machine, account: Account) -> Iterator[Bar]:
    if not account.has_shell:
        how = f"usermod -s /bin/sh {quoted(account.name)}"
        said = say("its shell, {shell}, lets nobody work", shell=account.shell)
        yield Bar(SSHD, said, by_hand=how)
    way = way_to(machine.host, account.shell)
    if way.is_missing:
        words = "the shell of {user}, {shell}, does not exist"
        said = say(words, user=account.name, shell=account.shell)
        yield Bar(FILES, said, "/etc/passwd", by_hand=f"usermod -s /bin/sh {quoted(account.name)}")
    elif isinstance(way.end, Unreadable):
        yield Bar(FILES, say("{unread}", unread=way.end), maybe=True)
    elif way.end.kind != FILE or not way.end.mode & 0o111:
        words = "the shell of {user}, {shell}, is not executable"
        before = (way.end.mode, way.end.uid, way.end.gid)
        rights = (way.end.mode | 0o755, way.end.uid, way.end.gid)
        said = say(words, user=account.name, shell=account.shell)
        is_file = way.end.kind == FILE
        yield Bar(FILES, said, way.path, rights if is_file else None, before)
    elif way.end.size < _SMALL:
        text = machine.host.read(way.path)
        if isinstance(text, Evidence) and not text.text.startswith(("#!", "\x7fELF")):
            said = say("the shell of {user}, {shell}, is no program", user=account.name,
                       shell=account.shell)  # fmt: skip
            yield Bar(FILES, said, way.path)


def _methods(
    machine: Machine, account: Account, settings: ForUser, gids: Set[int]
) -> tuple[tuple[str, ...], tuple[Bar, ...], bool]:
    """By what an account can log in, what is in the way of that, and whether it has keys."""
    root = settings.value("permitrootlogin", "prohibit-password") if account.uid == 0 else "yes"
    bars: list[Bar] = []
    ways: list[str] = []
    has_keys = False
    if settings.is_on("pubkeyauthentication", "dsaauthentication", default=True):
        good, keys_bars, has_keys = _keys(machine, account, settings, gids)
        bars += keys_bars
        if good and root == "forced-commands-only":
            bars.append(Bar(SSHD, say("PermitRootLogin forced-commands-only")))
        elif good:
            ways.append(KEY)
        command = settings.words("authorizedkeyscommand", ("none",))[0]
        if command.lower() != "none":
            stop = command_bar(machine.host, command)
            ways += [COMMAND] if stop is None else []
            bars += [stop] if stop is not None else []
        if settings.value("trustedusercakeys", "none") != "none":
            ways.append(CERTIFICATE)
    else:
        bars.append(Bar(SSHD, say("PubkeyAuthentication no")))
    can_type = settings.is_on("passwordauthentication", default=True) or (
        settings.is_on(
            *("kbdinteractiveauthentication", "challengeresponseauthentication"), default=True
        )
        and settings.is_on("usepam", default=False)
    )
    shadow = machine.shadow
    password = None if isinstance(shadow, Unreadable) else shadow.get(account.name)
    is_set = password is not None and password.state == "set"
    if is_set and can_type and root == "yes":
        ways.append(PASSWORD)
    elif is_set and can_type:
        words = "{user} has a password, which PermitRootLogin {value} does not take"
        bars.append(Bar(SSHD, say(words, user=account.name, value=root)))
    elif is_set and not can_type:
        words = "{user} has a password, and PasswordAuthentication is off"
        bars.append(Bar(SSHD, say(words, user=account.name)))
    ways = [one for one in ways if one == PASSWORD or not _revoked(machine, settings, bars)]
    return _wanted(settings, ways, bars), tuple(bars), has_keys


def _revoked(machine: Machine, settings: ForUser, bars: list[Bar]) -> bool:
    """Whether sshd takes every key for revoked, or may (auth_key_is_revoked())."""
    path = settings.words("revokedkeys", ("none",))[0]
    if path.lower() == "none":
        return False
    way = way_to(machine.host, path)
    if isinstance(way.end, PathStatus) and way.end.kind == FILE and way.end.size == 0:
        return False
    is_sure = way.is_missing
    said = say("which keys {path} (RevokedKeys) revokes was not judged", path=path)
    if is_sure:
        words = "{path} (RevokedKeys) is missing: sshd takes every key for revoked"
        said = say(words, path=path)
    if not any(bar.said == said for bar in bars):
        bars.append(Bar(SSHD, said, maybe=not is_sure))
    return True


def _wanted(settings: ForUser, ways: Sequence[str], bars: list[Bar]) -> tuple[str, ...]:
    """Give the ways that AuthenticationMethods is content with."""
    methods = settings.words("authenticationmethods", ("any",))
    if not ways or "any" in methods:
        return tuple(ways)
    has_key = any(one in ways for one in (KEY, COMMAND, CERTIFICATE))
    for methods_ in methods:
        names = {one.partition(":")[0] for one in methods_.split(",")}
        needs_key = "publickey" in names
        needs_password = bool(names & {"password", "keyboard-interactive"})
        if (has_key or not needs_key) and (PASSWORD in ways or not needs_password):
            return tuple(ways)
    wanted = " ".join(methods)
    bars.append(Bar(SSHD, say("AuthenticationMethods {wanted} asks for more", wanted=wanted)))
    return ()


def command_bar(host: Host, command: str) -> Bar | None:
    """Say why sshd does not run a key command: all of its way must be root's alone."""
    way = way_to(host, command)
    if way.is_missing:
        words = "the AuthorizedKeysCommand {path} does not exist"
        return Bar(SSHD, say(words, path=command), command)
    if isinstance(way.end, Unreadable):
        return Bar(SSHD, say("{unread}", unread=way.end), maybe=True)
    found = unsafe(way, 0, "", None)
    if not found:
        return None
    step = found[0]
    words = "sshd does not run AuthorizedKeysCommand {path}: {at} has {rights}"
    said = say(words, path=command, at=step.path, rights=shown(step.status))
    status = step.status
    rights = (status.mode & ~0o022, 0, status.gid if status.uid == 0 else 0)
    return Bar(FILES, said, step.path, rights, (status.mode, status.uid, status.gid))


def quoted(word: str) -> str:
    """Quote a word of a command by hand, where a shell would take it for more than letters."""
    is_plain = word.isascii() and all(one.isalnum() or one in "/._-@%+:" for one in word)
    return word if is_plain and word else "'" + word.replace("'", "'\"'\"'") + "'"


def shown(status: PathStatus) -> str:
    """Say mode and owner."""
    return f"mode {status.mode:o}, user {status.uid}, group {status.gid}"


def _keys(
    machine: Machine, account: Account, settings: ForUser, gids: Set[int]
) -> tuple[bool, list[Bar], bool]:
    """Whether a key of an account is taken, what is in the way, and whether it has any."""
    bars: list[Bar] = []
    files = settings.words("authorizedkeysfile", _DEFAULT_FILES)
    if any(one.lower() == "none" for one in files):
        return False, [Bar(SSHD, say("AuthorizedKeysFile none"))], False
    if any(account.home == one or account.home.startswith(f"{one}/") for one in machine.remote):
        words = "{home} is on a network's file system, which was not asked: it may hang"
        return False, [Bar(FILES, say(words, home=account.home), maybe=True)], False
    is_good = has_keys = False
    missing: list[str] = []
    for pattern in files:
        path = expanded(pattern, account)
        good, found, has_some = _file(machine, account, settings, gids, path)
        has_keys = has_keys or has_some
        is_good = is_good or good
        bars += found
        if not good and not found:
            missing.append(path)
    if is_good:
        return True, [], True
    if missing and not bars:
        home = way_to(machine.host, account.home)
        said = say("{path} does not exist", path=missing[0])
        if home.is_missing:
            said = say("the home of {user}, {home}, does not exist", user=account.name,
                       home=account.home)  # fmt: skip
        where = "/etc/passwd" if home.is_missing else missing[0]
        how = f"mkhomedir_helper {quoted(account.name)}" if home.is_missing else ""
        bars.append(Bar(FILES, said, where, by_hand=how))
    return False, bars, has_keys


def expanded(pattern: str, account: Account) -> str:
    """Give the path that AuthorizedKeysFile means for an account (sshd_config(5), TOKENS)."""
    path, at = "", 0
    values = {"h": account.home, "u": account.name, "U": str(account.uid), "%": "%"}
    while at < len(pattern):
        if pattern[at] == "%":
            path += values.get(pattern[at + 1 : at + 2], "")
            at += 2
        else:
            path += pattern[at]
            at += 1
    return path if path.startswith("/") else f"{account.home.rstrip('/')}/{path}"


def _file(
    machine: Machine, account: Account, settings: ForUser, gids: Set[int], path: str
) -> tuple[bool, list[Bar], bool]:
    """Look at one file of keys: whether it is good, what is in its way, whether it has keys.

    A file that is not there is none of these.
    """
    way, home = way_to(machine.host, path), way_to(machine.host, account.home)
    stop = barred(way, account.uid, gids)
    if isinstance(way.end, Unreadable):
        if way.is_missing:
            return False, [], False
        return False, [Bar(FILES, say("{unread}", unread=way.end), maybe=True)], False
    if way.end.kind != FILE:
        said = say("{path} is no regular file", path=path)
        return False, [Bar(FILES, said, path)], False
    text = machine.host.read(path)
    if isinstance(text, Unreadable):
        return False, [Bar(FILES, say("{unread}", unread=text), maybe=True)], False
    keys = parse_keys(text.text, machine.now)
    bars = [*_rights(machine, account, settings, way, home.path, stop)]
    if not keys.good:
        bars.append(Bar(SSHD, _no_key(path, text, keys.faults, [one.bound for one in keys.keys])))
    return not bars, bars, bool(keys.good)


def _no_key(
    path: str, text: Evidence, faults: Sequence[tuple[int, Statement]], bounds: Sequence[str]
) -> Statement:
    if faults:
        number, why = faults[0]
        return say("no key in {path} is of use: line {n}: {why}", path=path, n=number, why=why)
    if bounds:
        return say("each key in {path} is bound by {option}", path=path, option=bounds[0])
    what = "is empty" if not text.text.strip() else "has no key"
    return say("{path} {what}", path=path, what=what)


def _rights(
    machine: Machine,
    account: Account,
    settings: ForUser,
    way: Way,
    home: str,
    stop: Step | None,
) -> Iterator[Bar]:
    """What modes and owners on the way to keys are wrong, and which would be right."""
    faults: dict[str, Step] = {}
    if settings.is_on("strictmodes", default=True):
        private = _private(machine, account) if machine.is_debian else None
        faults = {step.path: step for step in unsafe(way, account.uid, home, private)}
    if stop is not None:
        faults.setdefault(stop.path, stop)
    for path, step in faults.items():
        status = step.status
        is_own = path == home or path.startswith(f"{home.rstrip('/')}/")
        is_stop = stop is not None and path == stop.path
        uid, gid, mode = status.uid, status.gid, status.mode & ~0o022
        if uid not in (0, account.uid) or (is_own and is_stop):
            uid, gid = (account.uid, account.gid) if is_own else (0, 0)
        if is_stop:
            own = 0o700 if status.kind == FOLDER else 0o600
            mode |= own if is_own else (0o055 if status.kind == FOLDER else 0o044)
        words = "{path} has {rights}: sshd refuses the keys of {user} (StrictModes)"
        if is_stop:
            words = "{path} has {rights}: {user} cannot get at its keys"
        said = say(words, path=path, rights=shown(status), user=account.name)
        yield Bar(FILES, said, path, (mode, uid, gid), (status.mode, status.uid, status.gid))


def _private(machine: Machine, account: Account) -> int | None:
    """Give the number of an account's group where nobody else is in it."""
    from ec2rl.facts.accounts import parse_groups

    if any(one.gid == account.gid and one.name != account.name for one in machine.people):
        return None
    for _, gid, members in parse_groups(machine.groups):
        if gid == account.gid and set(members) - {"", account.name}:
            return None
    return account.gid
