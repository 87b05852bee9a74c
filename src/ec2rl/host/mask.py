"""Taking out of a recording what identifies people, machines and accounts, and every secret.

What identifies becomes a stand-in of the same form, the same one wherever it stood, so that the
recording is judged as before.  What is a secret is cut out.  It is a net with meshes: the form of
a secret, or the name before it, gives it away; a password without either does not.  Programs,
systemd's units, folders and the numbers of users keep theirs: a judge quotes them, and none can be
told from one that everybody has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ec2rl.netlink import KIND, NFGEN, spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

CUT = "[cut]"

_NAME = (
    r"(?:[\w.-]*(?:password|passwd|passphrase|pwd|secret|token|credential|api[_-]?key"
    r"|access[_-]?key|private[_-]?key|auth[_-]?key|session[_-]?key|encryption[_-]?key"
    r"|fastopen_key|community)[\w.-]*|(?:user)?pass)"
)
_VALUE = r"(?:\\?\"[^\"\r\n]*?\\?\"|'[^'\r\n]*'|[^\s,;&|)}\]\"'\\]+)"
# `name: value`, `name=value`, `"name": "value"`, `--name value`; the name stays.
_NAMED = (
    rf"(?i)(?<![\w.-])((?:--?)?\\?[\"']?{_NAME}\\?[\"']?\s?(?:=>|[:=])[ \t]*"
    rf"|--{_NAME}[ \t]+){_VALUE}"
)
_HEADERS = (
    r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]*(?:token|key|signature)[\w-]*)"
    r"(\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\r\n\"'\\]+"
)

_SECRETS = (
    r"-----BEGIN [A-Z0-9 ]{1,60}-----(?:[A-Za-z0-9+/=\s\\:,.-]*?-----END [A-Z0-9 ]{1,60}-----"
    r"|[A-Za-z0-9+/=\s\\]*)",
    r"(?<=://)[^\s/@\"'\\]{1,256}(?=@)",
    r"(?i)\b(?:bearer|basic|negotiate)\s+[A-Za-z0-9._~+/-]{8,}=*",
    r"\b(?:AKIA|ASIA|AROA|AIDA|ANPA|ABIA|ACCA)[A-Z0-9]{12,20}\b",
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,64})",
    r"\bxox[abeoprs]-[\w-]{8,255}|\bhooks\.slack\.com/services/[\w/]+",
    r"\bAIza[\w-]{30,45}|\bya29\.[\w.-]{20,255}|\bSG\.[\w-]{16,}\.[\w-]{16,}",
    r"\b[rs]k[_-](?:live|test|ant|proj)[\w-]{8,255}|\bsk-[A-Za-z0-9]{20,255}|\bnpm_[A-Za-z0-9]{30,}",
    r"\bhv[sbr]\.[\w-]{20,255}|\bdop_v1_[0-9a-f]{64}|\bpypi-[\w-]{40,}",
    r"\bey[JI][\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?",
    r"\$(?:1|2[aby]|5|6|y|7|argon2\w{0,2})\$[^\s:\"'\\]{8,255}",
    r"\b(?:ssh-(?:rsa|ed25519|dss)|ecdsa-[\w-]+) [A-Za-z0-9+/=]{20,}",
    # Forty characters of base64 by themselves: an AWS secret key. A sum in hexadecimal is none.
    r"(?<![A-Za-z0-9+])(?=[A-Za-z0-9+/]{0,39}[A-Z])(?=[A-Za-z0-9+/]{0,39}[a-z])"
    r"(?=[A-Za-z0-9+/]{0,39}\d)[A-Za-z0-9+/]{40}(?![\w+/=])",
)

_IPV4 = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)"
_IPV6 = r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"
_MAC = r"(?<![\w:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![\w:-])"
_RESOURCE = (
    r"\b(i|vol|eni|subnet|vpc|sg|ami|snap|igw|rtb|eipalloc|eipassoc|eni-attach|acl|lt|r|mi|nat|tgw"
    r"|vpce|pcx|fs|fsap|key)-([0-9a-f]{17}|[0-9a-f]{8})\b"
)
_MAIL = r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"
_AWS_HOST = r"(?i)(?<![\w.-])(?:ip|ec2)-\d{1,3}(?:-\d{1,3}){3}(?:\.[a-z0-9-]+)*"
_DOMAIN = (
    r"(?i)(?<![\w.@/-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}"
    r"(?:internal|local|localdomain|lan|corp|intra|home|com|net|org|edu|gov|cloud)(?![\w.-]*\w)"
)

# Where a name is told to be one; from there on it is known wherever it stands.
_ACCOUNTS = (
    r"\barn:[\w-]+:[\w-]*:[\w-]*:(\d{12}):",
    r"(?i)\b(?:account|owner)[\w ]{0,12}[\"']?\s{0,2}[:=# ]\s{0,2}\\?[\"']?(\d{12})\b",
    r"\b(\d{12})\.dkr\.ecr\.",
)
_HOSTS = (
    r"\bsosreport-([\w-]+?)(?:\.[\w.-]+?)?-\d{4}-?\d\d-?\d\d",
    r"(?m)^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
    r"|\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?) ([\w.-]+) \S+:",
    r"(?m)^-- (?:/etc/hostname|/proc/sys/kernel/hostname)(?:; exact)?\n\x01--\n([\w.-]+)$",
    r"(?i)\bhost_?name\W{1,3}([\w-][\w.-]+)",
)
_MACHINES = (
    r"/var/log/journal/([0-9a-f]{32})\b",
    r"(?m)^-- /etc/machine-id\n\x01--\n([0-9a-f]{32})$",
)
_USERS = (
    r"/home/([\w][\w.-]*)",
    r"(?i)\b(?:for|invalid|by) (?:invalid )?user (?!root\b)([\w][\w.-]*)",
    r"\b(?:r?user|login|acct|USER|LOGNAME)=\\?[\"']?(?!root\b)([A-Za-z_][\w.-]*)",
    r"\bsession (?:opened|closed) for (?:user )?(?!root\b)([\w][\w.-]*)",
    r"\bAccepted \w+ for (?!root\b)([\w][\w.-]*)",
)
# Network namespaces, by the file that holds one, and in the names of a sosreport's files.
_SPACES = (
    r"(?<=/netns/)[^/\s:;\"']+",
    r"(?<=\bip_netns_exec_)[\w.-]+?(?=_(?:conntrack|ip|sysctl|ss|cat|netstat|iptables|nft))",
)
# One that is bound elsewhere, by a line of mountinfo and by the name of a look into it.
_BOUND = r"(?m) net:\[\d+\] (/\S+)|^-- (?:later: )?netns (/[^\n]+?): "
_OURS = r"/proc/|.*/netns/"
_LISTED = r"(?m)^(-- (?:later: )?ls /\S*/netns\n\x01--\n)((?:(?!-- |!).*\n)*)"
# Containers that have names in /proc/PID/cgroup: LXC's and those of machinectl(1).
_CONTAINERS = (
    r"/lxc(?:\.payload|\.monitor)?[./]([\w.-]+)",
    r"/machine-((?:[\w.-]|\\x[0-9a-f]{2})+)\.scope",
    r"/(machine-(?:[\w.-]|\\x[0-9a-f]{2})+)\.scope",
)
_POD = r"(?<=pod)[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}"
_NO_NAMES = frozenset(("localhost", "kernel", "root", "vm", "user", "none", "unknown"))
# `0::/system.slice` is a line of /proc/PID/cgroup.
_NO_ADDRESSES = frozenset(("0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "0::"))  # noqa: S104


def mask(text: str, hosts: Sequence[str] = (), files: Sequence[str] = ()) -> str:
    """Mask what identifies or gives access in a recording.

    `hosts` are names known to be a host's, `files` what was named as evidence.  Stand-ins are
    numbered in the order in which they are met, so nothing leads back from them.
    """
    # The end of a section's head on a line of its own: what is cut ends with its line.
    text = re.sub(r"(?m)^(-- .*) --$", "\\1\n\x01--", text)
    text = _files(text, files)
    for pattern in _SECRETS:
        text = re.sub(pattern, CUT, text)
    text = re.sub(_HEADERS, rf"\1\2{CUT}", text)
    text = re.sub(_NAMED, lambda match: match[1] + CUT, text)
    text = _spaces(text)
    pods = _StandIns(lambda number, _: f"{number:08x}-0000-0000-0000-000000000000")
    text = re.sub(_POD, lambda match: pods.of(match[0].replace("_", "-")), text)
    text = _names(text, hosts)
    text = re.sub(r"\bsosreport-[\w.-]*\d{4}-?\d\d-?\d\d[\w.-]*", "sosreport", text)
    mails = _StandIns(lambda number, _: f"user{number}@example.org")
    text = re.sub(_MAIL, lambda match: mails.of(match[0]), text)
    machines = _StandIns(lambda number, _: f"host-{number}.example")
    text = re.sub(_AWS_HOST, lambda match: machines.of(match[0].lower()), text)
    text = re.sub(_DOMAIN, lambda match: machines.of(match[0].lower()), text)
    resources = _StandIns(lambda number, like: f"{number:0{len(like)}x}")
    text = re.sub(_RESOURCE, lambda match: f"{match[1]}-{resources.of(match[2])}", text)
    return _addresses(text).replace("\n\x01--", " --")


class _StandIns:
    def __init__(self, make: Callable[[int, str], str]) -> None:
        self._make = make
        self._known: dict[str, str] = {}

    def of(self, word: str) -> str:
        if word not in self._known:
            self._known[word] = self._make(len(self._known) + 1, word)
        return self._known[word]


def _files(text: str, files: Sequence[str]) -> str:
    """Replace the names of files of evidence; one that is an everyday word only in its places.

    A section keeps its name, whatever it is: a judge asks for it.
    """
    from ec2rl.host.notes import escaped

    names = _StandIns(lambda number, _: f"file{number}")
    for file in sorted(filter(None, files), key=len, reverse=True):
        forms = "|".join(re.escape(form) for form in {file, escaped(file)})
        before = r"(?:; path=|\bthe (?:log|sosreport|recording|saved table|volume at) "
        before += r"|\b[Ii]n |\b[Rr]ead: |, )"
        if re.search(r"[\d_./-]", file.strip("/-")):
            before = r"(?:; path=|(?<![\w./-])(?<!^-- )(?<!^-- search )(?<!^-- later: ))"
        stand_in = names.of(file)
        text = re.sub(rf"(?m)({before})(?:{forms})(?![\w/-])", rf"\1{stand_in}", text)
    return text


def _spaces(text: str) -> str:
    """Replace the names of network namespaces; one that is an everyday word only in its places."""
    names = _StandIns(lambda number, _: f"netns{number}")
    known = dict.fromkeys(name for pattern in _SPACES for name in re.findall(pattern, text))
    for _, listed in re.findall(_LISTED, text):
        known.update(dict.fromkeys(filter(None, listed.split("\n"))))
    for pattern in _SPACES:
        text = re.sub(pattern, lambda match: names.of(match[0]), text)

    def one_by_one(match: re.Match[str]) -> str:
        return match[1] + re.sub(".+", lambda name: names.of(str(name[0])), match[2])

    text = re.sub(_LISTED, one_by_one, text)
    text = _bound(text, known, names)
    for name in known:
        text = re.sub(rf"\({re.escape(name)}(?=\)|, )", f"({names.of(name)}", text)
    odd = [name for name in known if len(name) > 2 and re.search(r"[\d_.-]", name)]
    return _named(text, sorted(odd, key=len, reverse=True), names)


def _bound(text: str, known: dict[str, None], names: _StandIns) -> str:
    """Replace the paths of namespaces that are bound elsewhere, below the first folder."""
    paths = {path for found in re.findall(_BOUND, text) for path in found if path}
    for path in sorted(paths, key=len, reverse=True):
        if re.match(_OURS, path):
            continue
        parts = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), path).split("/")
        first = min(2, len(parts) - 1)  # "", and a folder that everybody has
        known.update(dict.fromkeys(parts[first:]))
        place = "/".join((*parts[:first], *map(names.of, parts[first:])))
        text = re.sub(rf"{re.escape(path)}(?![\w./-])", place, text)
    return text


def _names(text: str, hosts: Sequence[str]) -> str:
    """Replace what is told to be an account, a host, a machine's id or a user, everywhere."""
    kinds: tuple[tuple[Sequence[str], Sequence[str], Callable[[int, str], str]], ...] = (
        ((), _ACCOUNTS, lambda number, _: f"{number:012}"),
        ((), _MACHINES, lambda number, _: f"{number:032x}"),
        (hosts, _HOSTS, lambda number, _: f"host{number}"),
        ((), _USERS, lambda number, _: f"user{number}"),
        ((), _CONTAINERS, lambda number, _: f"container{number}"),
    )
    for known, patterns, make in kinds:
        found = dict.fromkeys(known)
        for pattern in patterns:
            found.update(dict.fromkeys(re.findall(pattern, text)))
        names = [name for name in found if len(name) > 2 and name.lower() not in _NO_NAMES]
        # The longest first: one name may be the beginning of another.
        names.sort(key=len, reverse=True)
        text = _named(text, names, _StandIns(make))
    return text


def _named(text: str, names: Sequence[str], stand_ins: _StandIns) -> str:
    for start in range(0, len(names), 500):
        any_of = "|".join(map(re.escape, names[start : start + 500]))
        text = re.sub(rf"(?<![\w-])(?:{any_of})(?![\w-])", lambda m: stand_ins.of(m[0]), text)
    return text


def _addresses(text: str) -> str:
    from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton

    known = {AF_INET: _StandIns(_address4), AF_INET6: _StandIns(_address6)}

    def replaced(family: int, pattern: str, text: str) -> str:
        def one(match: re.Match[str]) -> str:
            word = match[0]
            if word in _NO_ADDRESSES:
                return word
            try:
                return known[family].of(inet_pton(family, word).hex())
            except OSError:
                return word  # a time of day, a version

        return re.sub(pattern, one, text)

    cards = _StandIns(_card)
    text = re.sub(_MAC, lambda match: cards.of(match[0].lower().replace("-", ":")), text)
    text = replaced(AF_INET, _IPV4, text)
    text = replaced(AF_INET6, _IPV6, text)

    def packed(address: bytes) -> bytes:
        family = AF_INET if len(address) == 4 else AF_INET6
        if inet_ntop(family, address) in _NO_ADDRESSES:
            return address
        return inet_pton(family, known[family].of(address.hex()))

    def entry(match: re.Match[str]) -> str:
        return _entry(bytearray.fromhex(match[0]), packed).hex()

    return re.sub(r"(?m)^(?:[0-9a-f]{2}){24,}$", entry, text)


_TUPLES, _IP = (1, 2, 14), 1  # CTA_TUPLE_ORIG, _REPLY, _MASTER; CTA_TUPLE_IP


def _entry(body: bytearray, packed: Callable[[bytes], bytes]) -> bytearray:
    """An entry as ctnetlink gives it, with other addresses in its tuples."""
    for kind, start, end in spans(body, NFGEN, len(body), cut=True):
        if kind & KIND not in _TUPLES:
            continue
        for inner, first, last in spans(body, start, end, cut=True):
            # CTA_IP_V4_SRC, _DST, CTA_IP_V6_SRC, _DST: the only ones in there.
            for _, low, high in spans(body, first, last, cut=True) if inner & KIND == _IP else ():
                if high - low in (4, 16):
                    body[low:high] = packed(bytes(body[low:high]))
    return body


def _card(number: int, _: str) -> str:
    return "02:00:" + number.to_bytes(4, "big").hex(":")  # locally administered


def _address4(number: int, _: str) -> str:
    return ".".join(map(str, (0xC6120000 + number).to_bytes(4, "big")))  # RFC 2544, benchmarks


def _address6(number: int, _: str) -> str:
    return f"2001:db8::{number >> 16:x}:{number & 65535:x}"  # RFC 3849, documentation
