"""The values of sshd's keywords, and what sshd refuses of them (servconf.c, misc.c, 7.4 to 10.2).

sshd reads a line whether or not its Match applies, and does not start where one is bad.
"""

from __future__ import annotations

from ec2rl.facts.ssh.keywords import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_CHOICES = {
    "flag": ("yes", "no"),
    "root": ("yes", "no", "without-password", "prohibit-password", "forced-commands-only"),
    "family": ("inet", "inet6", "any"),
    "compression": ("yes", "delayed", "no"),
    "gateway": ("clientspecified", "yes", "no"),
    "forward": ("yes", "all", "no", "remote", "local"),
    "rhosts": ("yes", "no", "shosts-only"),
    "level": (
        *("quiet", "fatal", "error", "info", "verbose", "debug", "debug1", "debug2", "debug3"),
    ),
    "facility": (
        *("daemon", "user", "auth", "authpriv"),
        *(f"local{number}" for number in range(8)),
    ),
    "hash": ("md5", "sha1", "sha256", "sha384", "sha512", "ripemd160"),
}
"""What a value of each kind may be, in any case."""


def fault(known: Keyword, name: str, words: Sequence[str], rest: str) -> str:
    """Say what sshd refuses of the values of a keyword, "" for nothing.

    `rest` is what stands behind the keyword, as it is.
    """
    kind = known.kind
    if kind in ("deprecated", "any", "match"):
        return ""
    if kind == "rest":
        return "" if rest.strip() else "missing argument"
    if not words or not words[0]:
        return "missing argument"
    choices = _CHOICES.get(kind)
    if choices is not None:
        if words[0].lower() not in choices:
            return f'unsupported value "{words[0]}"'
        return _extra(words, 1)
    return _of_kind(kind, name, words)


def _extra(words: Sequence[str], most: int) -> str:
    return f'extra arguments at end of line: "{words[most]}"' if len(words) > most else ""


def _of_kind(kind: str, name: str, words: Sequence[str]) -> str:
    first = words[0]
    if kind in _SINGLE:
        return _SINGLE[kind](first) or _extra(words, 1)
    if kind in _SEVERAL:
        return _SEVERAL[kind](words)
    if kind == "time":
        may_be_none = name == "unusedconnectiontimeout" and first == "none"
        return _extra(words, 1) if may_be_none or is_time(first) else "invalid time value"
    if kind == "command":
        is_whole = first.startswith("/") or first.lower() == "none"
        return "" if is_whole else f"{first} must be an absolute path"
    return _opens(words, name) if kind == "opens" else ""


def _is_bad_host(pattern: str) -> bool:
    """Whether the host of USER@HOST is a list in CIDR that cannot be one (match_user())."""
    _, found, host = pattern.partition("@")
    address, slash, bits = host.rpartition("/")
    if not found or not slash:
        return False
    most = 128 if ":" in address else 32
    return not (bits.isdigit() and int(bits) <= most and bool(address))


def _startups(word: str) -> str:
    parts = word.split(":")
    if len(parts) not in (1, 3) or not all(_is_int(one) for one in parts):
        return _BAD_STARTUPS
    begin, rate, most = (int(one) for one in (parts * 3)[:3])
    if len(parts) == 1:
        return "" if begin > 0 else _BAD_STARTUPS
    is_fine = begin <= most and 1 <= rate <= 100 and begin > 0 and most > 0
    return "" if is_fine else _BAD_STARTUPS


_BAD_STARTUPS = "invalid MaxStartups spec"


def _port(word: str) -> str:
    is_fine = port_number(word) is not None or word.isalpha()  # a name of /etc/services
    return "" if is_fine else "badly formatted port number"


def _int(word: str) -> str:
    return "" if _is_int(word) else "integer value invalid"


def _source(word: str) -> str:
    return "" if word.lower() == "none" or _is_int(word) else "invalid number"


def _block(word: str) -> str:
    parts = word.split(":")
    sizes = tuple(zip(parts, (32, 128)))
    fine = len(parts) <= 2 and all(_is_int(one) and int(one) <= most for one, most in sizes)
    return "" if fine else "invalid block size"


def _mask(word: str) -> str:
    is_octal = word.isascii() and word.isdigit() and not set(word) & set("89")
    return "" if is_octal and len(word) < 20 and int(word, 8) <= 0o777 else "bad mask"


def _tunnel(word: str) -> str:
    modes = ("yes", "no", "point-to-point", "ethernet")
    return "" if word.lower() in modes else f'bad argument "{word}"'


def _any(word: str) -> str:
    return "" if word else "missing argument"


def _is_int(word: str) -> bool:
    digits = word.removeprefix("+")
    return digits.isascii() and digits.isdigit() and len(digits) < 20 and int(digits) < 1 << 31


def port_number(word: str) -> int | None:
    """Give the number of a port; None for what is none, or a name that is not known here."""
    if word == "ssh":
        return 22
    return int(word) if _is_int(word) and 0 < int(word) < 1 << 16 else None


def _is_port(word: str) -> bool:
    return port_number(word) is not None


def is_time(word: str) -> bool:
    """Whether sshd takes it for a length of time (convtime() in misc.c), as `90`, `1h30m`."""
    number, seconds = "", 0
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    for sign in word.lower():
        if sign.isascii() and sign.isdigit() and len(number) < 11:
            number += sign
        elif sign in units and number:
            seconds += int(number) * units[sign]
            number = ""
        else:
            return False
    return bool(word) and seconds + int(number or 0) < 1 << 31


def _listen(words: Sequence[str]) -> str:
    first = words[0]
    host, port = address_and_port(first)
    if not host:
        return "bad address:port usage"
    if port and not _is_port(port):
        return "bad port number"
    if len(words) > 1 and words[1] != "rdomain":
        return "bad ListenAddress syntax"
    return "setting RDomain not supported on this platform" if len(words) > 1 else ""


def address_and_port(word: str) -> tuple[str, str]:
    """Part an address from its port ("" for none), as `[::1]:22`, `10.0.0.1:22` and `::1`."""
    if word.startswith("["):
        host, _, rest = word[1:].partition("]")
        return host, rest.removeprefix(":")
    if word.count(":") > 1:
        return word, ""
    host, _, port = word.partition(":")
    return host, port


def _rekey(words: Sequence[str]) -> str:
    size = words[0]
    digits = size[:-1] if size[-1:].upper() in ("K", "M", "G") else size
    if size != "default" and not _is_int(digits):
        return f"bad number '{size}'"
    if size == digits and _is_int(size) and 0 < int(size) < 16:
        return "RekeyLimit too small"
    if len(words) > 1 and words[1] != "none" and not is_time(words[1]):
        return "invalid time value"
    return _extra(words, 2)


_METHODS = ("publickey", "password", "keyboard-interactive", "hostbased", "gssapi-with-mic")


def _methods(words: Sequence[str]) -> str:
    if "any" in words:
        return "" if len(words) == 1 else '"any" must appear alone'
    for one in words:
        for method in one.split(","):
            name = method.partition(":")[0]
            if name not in (*_METHODS, "gssapi-keyex", "none"):
                return "invalid authentication method list"
    return ""


def _opens(words: Sequence[str], name: str) -> str:
    if words[0] in ("any", "none"):
        return _extra(words, 1)
    for one in words:
        host, port = address_and_port(one)
        if name == "permitlisten" and not port and host.isdigit():
            port = host
        if port != "*" and not _is_port(port):
            return "bad port number"
    return ""


def _subsystem(words: Sequence[str]) -> str:
    return "" if len(words) > 1 and words[1] else "missing subsystem command"


def _names(words: Sequence[str]) -> str:
    return "invalid environment name" if any("=" in one or not one for one in words) else ""


def _setenv(words: Sequence[str]) -> str:
    return "" if all("=" in one.strip("=") for one in words) else "invalid environment"


def _groups(words: Sequence[str]) -> str:
    return "empty pattern" if any(not one for one in words) else ""


def _users(words: Sequence[str]) -> str:
    bad = any(_is_bad_host(one) for one in words)
    return _groups(words) or ("invalid pattern" if bad else "")


_SINGLE = {
    **dict.fromkeys(("path", "word", "userenv", "ciphers", "macs", "kex", "keys"), _any),
    "startups": _startups,
    "port": _port,
    "int": _int,
    "source": _source,
    "block": _block,
    "mask": _mask,
    "tunnel": _tunnel,
}
_SEVERAL = {
    "listen": _listen,
    "rekey": _rekey,
    "subsystem": _subsystem,
    "methods": _methods,
    "names": _names,
    "setenv": _setenv,
    "groups": _groups,
    "users": _users,
}
