"""The lines of authorized_keys: which sshd takes, and why not others (auth2-pubkeyfile.c)."""

from __future__ import annotations

from ec2rl.model import Statement, say
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_TYPES = {
    "ssh-ed25519": (6, 5),
    "ssh-rsa": (0, 0),
    "ecdsa-sha2-nistp256": (0, 0),
    "ecdsa-sha2-nistp384": (0, 0),
    "ecdsa-sha2-nistp521": (0, 0),
    "sk-ssh-ed25519@openssh.com": (8, 2),
    "sk-ecdsa-sha2-nistp256@openssh.com": (8, 2),
    "ssh-dss": (0, 0),
}
_MOST = 5000
"""Lines of a file that are read."""
_PUTTY = ("PuTTY-User-Key-File", "---- BEGIN SSH2 PUBLIC KEY")
_DENIES = ("nologin", "/bin/false", "exit 1", "Please login as the user")


@record(frozen=True)
class KeyLine:
    """A key that sshd takes, and what bounds it: options that forbid a login, "" for none."""

    number: int
    form: str
    bound: str = ""


@record(frozen=True)
class Keys:
    """What a file of keys holds: keys, and why lines are none, each with its number."""

    keys: tuple[KeyLine, ...]
    faults: tuple[tuple[int, Statement], ...]

    @property
    def good(self) -> tuple[KeyLine, ...]:
        """The keys by which somebody gets a shell."""
        return tuple(one for one in self.keys if not one.bound)


def parse_keys(text: str, now: float = 0.0, limit: int = _MOST) -> Keys:
    """Read a file of keys; `now` in seconds since the epoch, 0 for unknown."""
    keys: list[KeyLine] = []
    faults: list[tuple[int, Statement]] = []
    if "\0" in text or text.startswith(("\\xff\\xfe", "\\xfe\\xff")):
        return Keys((), ((1, say("the file is UTF-16, or holds NULs")),))
    for number, line in enumerate(text.split("\n")[:limit], 1):
        line = line.strip(" \t\r")
        if number == 1 and line.startswith("\ufeff"):
            faults.append((1, say("the file begins with a byte order mark")))
            continue
        if not line or line.startswith("#"):
            continue
        found = _key(number, line, now)
        if isinstance(found, KeyLine):
            keys.append(found)
        else:
            faults.append((number, found))
    return Keys(tuple(keys), tuple(faults))


def _key(number: int, line: str, now: float) -> KeyLine | Statement:
    """Read a line: a key, alone or behind options."""
    if "PRIVATE KEY-----" in line:
        return say(
            "it is a private key: the public one belongs here, and this one is no secret any more"
        )
    if line.startswith(_PUTTY):
        return say("it is in PuTTY's form: ssh-keygen -i makes it one of OpenSSH")
    form, _, rest = line.partition(" ")
    form = form.partition("\t")[0]
    options: Sequence[str] = ()
    if form not in _TYPES:
        parted = _options(line)
        if parted is None:
            return say("it has quotes without an end")
        options, rest = parted
        form, _, rest = rest.strip(" \t").partition(" ")
    if form not in _TYPES:
        if form.endswith("-cert-v01@openssh.com"):
            return say("it is a certificate, not a key")
        return say("no key of a known kind begins there")
    if form == "ssh-dss":
        return say("it is a DSA key, which sshd takes no more")
    why = _bad_blob(form, rest.strip(" \t").split(" ")[0].split("\t")[0])
    return why if why is not None else KeyLine(number, form, _bound(options, now))


def _options(line: str) -> tuple[list[str], str] | None:
    """Part the options that stand before a key from the rest; None where a quote has no end."""
    options: list[str] = []
    word, quoted, at = "", False, 0
    while at < len(line):
        sign = line[at]
        if sign == "\\" and line[at + 1 : at + 2] == '"':
            word += '"'
            at += 2
            continue
        if sign == '"':
            quoted = not quoted
        elif sign in " \t" and not quoted:
            break
        elif sign == "," and not quoted:
            options.append(word)
            word = ""
        else:
            word += sign
        at += 1
    return None if quoted else ([*options, word], line[at:])


def _bad_blob(form: str, blob: str) -> Statement | None:
    """Say why the base64 of a key is none; it begins with the length and name of its kind."""
    from binascii import Error, a2b_base64

    if not blob:
        return say("the key is missing behind its kind: was the line broken?")
    try:
        raw = a2b_base64(blob.encode("ascii", "replace"))
    except Error:
        return say("the key is cut or damaged: was the line broken?")
    size = int.from_bytes(raw[:4], "big")
    if raw[4 : 4 + size] != form.encode():
        return say("the key is not of the kind that the line names")
    at, parts = 4 + size, 0
    while at + 4 <= len(raw):
        at += 4 + int.from_bytes(raw[at : at + 4], "big")
        parts += 1
    if at != len(raw) or parts < 1:
        return say("the key is cut or damaged: was the line broken?")
    return None


def _bound(options: Sequence[str], now: float) -> str:
    """Name the option that forbids a login by shell, "" for none."""
    for option in options:
        name, _, value = option.partition("=")
        name = name.lower()
        if name == "command" and any(word in value for word in _DENIES):
            return "command="
        if name == "cert-authority":
            return "cert-authority"
        if name == "expiry-time" and now and _is_past(value, now):
            return "expiry-time="
    return ""


def _is_past(value: str, now: float) -> bool:
    """Whether a time as YYYYMMDD[HHMM[SS]][Z] is over."""
    from calendar import timegm

    digits = value.rstrip("Zz")
    if not digits.isdigit() or len(digits) not in (8, 12, 14):
        return False
    whole = digits.ljust(14, "0")
    year, *rest = int(whole[:4]), *(int(whole[n : n + 2]) for n in range(4, 14, 2))
    return timegm((year, *rest)) < now  # a zone of less than a day decides nothing here
