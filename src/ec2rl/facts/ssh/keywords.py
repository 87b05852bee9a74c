"""The keywords of sshd_config, their values, and what sshd refuses of them (servconf.c, 7.4 to 10.2).

sshd reads a line whether or not its Match applies, and does not start where one is bad.
"""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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

_GLOBAL = """
flag usepam kerberosorlocalpasswd kerberosticketcleanup gssapicleanupcredentials gssapicleanupcreds
flag gssapistrictacceptorcheck challengeresponseauthentication skeyauthentication printmotd
flag printlastlog ignoreuserknownhosts strictmodes tcpkeepalive keepalive usedns
flag gssapikeyexchange gssapistorecredentialsonrekey debianbanner dsaauthentication
flag kerberosgetafstoken
family addressfamily
compression compression
facility syslogfacility
hash fingerprinthash
port port
listen listenaddress
time logingracetime
path hostkey hostdsakey hostkeyagent pidfile modulifile xauthlocation hostcertificate
path securitykeyprovider sshdsessionpath sshdauthpath
keys hostkeyalgorithms casignaturealgorithms
ciphers ciphers
macs macs
kex kexalgorithms
any gssapikexalgorithms persourcepenalties persourcepenaltyexemptlist
startups maxstartups
source persourcemaxstartups
block persourcenetblocksize
userenv permituserenvironment
rest versionaddendum
"""
_ANYWHERE = """
root permitrootlogin
level loglevel
flag hostbasedauthentication hostbasedusesnamefrompacketonly pubkeyauthentication
flag kerberosauthentication gssapiauthentication passwordauthentication
flag kbdinteractiveauthentication x11forwarding x11uselocalhost permittty permituserrc
flag permitemptypasswords allowagentforwarding disableforwarding exposeauthinfo
flag streamlocalbindunlink refuseconnection
rhosts ignorerhosts
int x11displayoffset maxauthtries maxsessions clientalivecountmax requiredrsasize
time clientaliveinterval unusedconnectiontimeout
gateway gatewayports
forward allowtcpforwarding allowstreamlocalforwarding
keys pubkeyacceptedalgorithms pubkeyacceptedkeytypes hostbasedacceptedalgorithms
keys hostbasedacceptedkeytypes
users allowusers denyusers
groups allowgroups denygroups
subsystem subsystem
path banner revokedkeys trustedusercakeys authorizedprincipalsfile chrootdirectory
word authorizedkeyscommanduser authorizedprincipalscommanduser rdomain
command authorizedkeyscommand authorizedprincipalscommand
files authorizedkeysfile
names acceptenv
setenv setenv
tunnel permittunnel
opens permitopen permitlisten
rest forcecommand
methods authenticationmethods
mask streamlocalbindmask
rekey rekeylimit
any ipqos channeltimeout pubkeyauthoptions logverbose
match match
include include
"""
_DEPRECATED = """
pamauthenticationviakbdint serverkeybits keyregenerationinterval rhostsauthentication
rhostsrsaauthentication rsaauthentication checkmail uselogin verifyreversemapping
reversemappingcheck authorizedkeysfile2 useprivilegeseparation protocol kerberostgtpassing
afstokenpassing permitblacklistedkeys gssusesessionccache gssapiusesessioncredcache
"""
_DEPRECATED_ANYWHERE = ("rhostsrsaauthentication", "rsaauthentication", "authorizedkeysfile2")

_SINCE = {
    "include": (8, 2),
    "securitykeyprovider": (8, 2),
    "pubkeyauthoptions": (8, 2),
    "casignaturealgorithms": (7, 9),
    "setenv": (7, 8),
    "permitlisten": (7, 8),
    "rdomain": (7, 6),
    "exposeauthinfo": (7, 6),
    "disableforwarding": (7, 4),
    "modulifile": (8, 5),
    "logverbose": (8, 5),
    "persourcemaxstartups": (8, 5),
    "persourcenetblocksize": (8, 5),
    "pubkeyacceptedalgorithms": (8, 5),
    "hostbasedacceptedalgorithms": (8, 5),
    "requiredrsasize": (9, 1),
    "channeltimeout": (9, 2),
    "unusedconnectiontimeout": (9, 2),
    "persourcepenalties": (9, 8),
    "persourcepenaltyexemptlist": (9, 8),
    "sshdsessionpath": (9, 8),
    "refuseconnection": (9, 9),
    "sshdauthpath": (10, 0),
}
"""The first version that knows a keyword; others have been there since 7.3 and before."""

_VENDORS = frozenset(
    (
        *("gssapienablek5users", "kerberosuniqueccache", "showpatchlevel", "rsaminsize"),
        *("usesocketactivation", "hpndisabled", "hpnbuffersize", "tcprcvbufpoll", "noneenabled"),
        *("gssapikeyexchange", "gssapistorecredentialsonrekey", "gssapikexalgorithms"),
        *("debianbanner", "kerberosgetafstoken", "disableusagelog", "ldappublickey"),
    )
)
"""Keywords that only some builds know."""


@record(frozen=True)
class Keyword:
    """What sshd knows of a keyword; `since` is the first version, `is_vendors` of some builds."""

    kind: str
    in_match: bool
    since: tuple[int, int] | None = None
    is_vendors: bool = False


_known: dict[str, Keyword] = {}


def keyword(name: str) -> Keyword | None:
    """Give what is known of a keyword in small letters; None for one that no sshd knows."""
    if not _known:
        for text, anywhere in ((_GLOBAL, False), (_ANYWHERE, True)):
            for line in text.split("\n"):
                kind, *names = line.split() or [""]
                for one in names:
                    is_vendors = one in _VENDORS
                    _known[one] = Keyword(kind, anywhere, _SINCE.get(one), is_vendors)
        for one in _DEPRECATED.split():
            _known[one] = Keyword("deprecated", one in _DEPRECATED_ANYWHERE)
        for one in _VENDORS:
            _known.setdefault(one, Keyword("any", True, is_vendors=True))
    return _known.get(name)


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
    if kind in ("path", "word", "source", "block", "startups", "mask", "userenv", "tunnel"):
        return _single(kind, first) or _extra(words, 1)
    if kind == "port":
        fine = port_number(first) is not None or first.isalpha()  # a name of /etc/services
        return _extra(words, 1) if fine else "badly formatted port number"
    if kind == "int":
        return _extra(words, 1) if _is_int(first) else "integer value invalid"
    if kind == "time":
        may_be_none = name == "unusedconnectiontimeout" and first == "none"
        return _extra(words, 1) if may_be_none or is_time(first) else "invalid time value"
    if kind == "listen":
        return _listen(words)
    if kind == "command":
        is_whole = first.startswith("/") or first.lower() == "none"
        return "" if is_whole else f"{first} must be an absolute path"
    if kind == "rekey":
        return _rekey(words)
    if kind == "subsystem":
        return "" if len(words) > 1 and words[1] else "missing subsystem command"
    if kind in ("ciphers", "macs", "kex", "keys"):
        return _extra(words, 1)
    if kind == "methods":
        return _methods(words)
    if kind == "names":
        return "invalid environment name" if any("=" in one or not one for one in words) else ""
    if kind == "setenv":
        return "" if all("=" in one.strip("=") for one in words) else "invalid environment"
    if kind in ("users", "groups"):
        empty = any(not one for one in words)
        bad = kind == "users" and any(_is_bad_host(one) for one in words)
        return "empty pattern" if empty else "invalid pattern" if bad else ""
    if kind == "opens":
        return _opens(words, name)
    return ""


def _is_bad_host(pattern: str) -> bool:
    """Whether the host of USER@HOST is a list in CIDR that cannot be one (match_user())."""
    _, found, host = pattern.partition("@")
    address, slash, bits = host.rpartition("/")
    if not found or not slash:
        return False
    most = 128 if ":" in address else 32
    return not (bits.isdigit() and int(bits) <= most and bool(address))


def _single(kind: str, word: str) -> str:
    """Say what is wrong with the only value of a keyword."""
    if kind == "startups":
        parts = word.split(":")
        if len(parts) not in (1, 3) or not all(_is_int(one) for one in parts):
            return "invalid MaxStartups spec"
        begin, rate, most = (int(one) for one in (parts * 3)[:3])
        if len(parts) == 1:
            return "" if begin > 0 else "invalid MaxStartups spec"
        is_fine = begin <= most and 1 <= rate <= 100 and begin > 0 and most > 0
        return "" if is_fine else "invalid MaxStartups spec"
    if kind == "source":
        return "" if word.lower() == "none" or _is_int(word) else "invalid number"
    if kind == "block":
        parts = word.split(":")
        sizes = tuple(zip(parts, (32, 128)))
        fine = len(parts) <= 2 and all(_is_int(one) and int(one) <= most for one, most in sizes)
        return "" if fine else "invalid block size"
    if kind == "mask":
        is_octal = word.isascii() and word.isdigit() and not set(word) & set("89")
        return "" if is_octal and int(word, 8) <= 0o777 else "bad mask"
    if kind == "tunnel":
        fine = ("yes", "no", "point-to-point", "ethernet")
        return "" if word.lower() in fine else f'bad argument "{word}"'
    return ""


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


_GONE = {
    **dict.fromkeys(("arcfour", "arcfour128", "arcfour256", "blowfish-cbc", "cast128-cbc"), (7, 6)),
    **dict.fromkeys(("hmac-ripemd160", "hmac-ripemd160@openssh.com"), (7, 6)),
    "hmac-ripemd160-etm@openssh.com": (7, 6),
    **dict.fromkeys(("ssh-dss", "ssh-dss-cert-v01@openssh.com"), (10, 0)),
}
"""Algorithms that sshd once had, and the version that has them no more (release notes)."""


def odd_algorithms(value: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Give the names in a list of algorithms that not every sshd knows, and since when none does."""
    if value.startswith("-"):
        return
    for name in value.lstrip("+^").split(","):
        if name in _GONE:
            yield name, _GONE[name]


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


def split(text: str) -> list[str] | None:
    """Part the values of a line as sshd does (argv_split() in misc.c); None for bad quotes.

    A `#` where a word begins ends it.
    """
    words: list[str] = []
    at, size = 0, len(text)
    while at < size:
        sign = text[at]
        if sign in " \t":
            at += 1
            continue
        if sign == "#":
            break
        word, quote = "", ""
        while at < size:
            sign = text[at]
            after = text[at + 1 : at + 2]
            if sign == "\\" and (after in ("'", '"', "\\") or (not quote and after == " ")) and after:
                word += after
                at += 1
            elif not quote and sign in " \t":
                break
            elif not quote and sign in "'\"":
                quote = sign
            elif quote and sign == quote:
                quote = ""
            else:
                word += sign
            at += 1
        if quote:
            return None
        words.append(word)
    return words
