"""What sshd said of itself and of logins: whether it runs, and why it refused somebody.

Wordings of OpenSSH 6.6 to 10.2 (sshd.c, servconf.c, sshkey.c, auth.c, auth2-pubkey.c, auth-pam.c).
What scanners of the internet have it say at any hour is none of it: failed passwords, users that
there are not, connections that were closed.
"""

from __future__ import annotations

from ec2rl.record import Choice, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Kind(Choice):
    """What a line tells."""

    LISTENS = "listens"
    ACCEPTED = "accepted"
    CANNOT = "cannot run"
    """sshd ends with it."""
    FAILED = "failed"
    """systemd says that its unit failed."""
    PATH = "unsafe path"
    UNREADABLE = "keys unreadable"
    PAM = "refused by PAM"
    ACCOUNT = "account refused"
    """A shell that there is not, a lock: true of the account, whoever tried."""
    COMMAND = "unsafe command"
    PENALTY = "penalty"
    STARTUPS = "MaxStartups"
    SHA1 = "SHA-1"


@record(frozen=True)
class Said:
    """A line of interest: who it is about ("" for all), and what it names.

    `when` is in seconds since the epoch, None where the line has none that is understood.
    """

    kind: Kind
    text: str
    user: str = ""
    what: str = ""
    when: float | None = None


_MOST = 20_000
_USER = r"(?P<user>[\w.@$-]{1,64})"
_FORMS = (
    (Kind.LISTENS, r"Server listening on (?P<what>.{1,80}?)\.?"),
    (Kind.ACCEPTED, rf"Accepted \S{{1,40}} for {_USER} from .*"),
    (Kind.CANNOT, r"(?:fatal: )?(?P<what>(?:sshd: )?no hostkeys available -- exiting\.?)"),
    (Kind.CANNOT, r"(?:fatal: )?(?P<what>OpenSSL version mismatch\. .*)"),
    (Kind.CANNOT, r"(?:fatal: )?(?P<what>/\S{1,200}: terminating, \d+ bad configuration options?)"),
    (Kind.CANNOT, r"(?:error: |fatal: )?(?P<what>/(?:usr/)?etc/\S{1,200}:? line \d+: "
                  r"(?!Deprecated|Unsupported|ignoring).*)"),
    (Kind.CANNOT, r"fatal: (?P<what>Cannot bind any address\.|Missing privilege separation .*)"),
    (Kind.CANNOT, r"(?:fatal: )?(?P<what>Missing privilege separation directory: .*)"),
    (Kind.CANNOT, r"(?:fatal: )?(?P<what>Privilege separation user \S+ does not exist)"),
    (Kind.CANNOT, r"(?:fatal: )?(?P<what>/\S+ must be owned by root and not group or "
                  r"world-writable\.)"),
    (Kind.CANNOT, r"(?:fatal: )?(?P<what>/\S+ does not exist or is not executable)"),
    (Kind.CANNOT, r"(?P<what>/\S{1,200}/sshd_config: No such file or directory)"),
    (Kind.CANNOT, r"(?P<what>(?:/\S+/)?sshd: error while loading shared libraries: .*)"),
    (Kind.CANNOT, r"(?P<what>(?:/\S+/)?sshd: /\S+: version .* not found .*)"),
    (Kind.PATH, r"Authentication refused: (?P<what>bad ownership or modes for (?:directory|file) "
                r"/.{0,400})"),
    (Kind.UNREADABLE, rf"Could not open user '{_USER}' authorized keys '(?P<what>.{{1,400}})': .*"),
    (Kind.UNREADABLE, r"Could not open authorized keys '(?P<what>.{1,400})': Permission denied"),
    (Kind.PAM, rf"(?:fatal: )?Access denied for user {_USER} by (?P<what>PAM account "
               r"configuration).*"),
    (Kind.ACCOUNT, rf"User {_USER}(?: from \S+)? not allowed because (?P<what>shell \S+ (?:does "
                   r"not exist|is not executable)|account is locked)"),
    (Kind.COMMAND, r"(?:error: )?(?P<what>Unsafe AuthorizedKeysCommand .*)"),
    (Kind.PENALTY, r"(?P<what>drop connection #\d+ from .* penalty: .*)"),
    (Kind.STARTUPS, r"(?:error: )?(?P<what>(?:beginning MaxStartups throttling|drop connection "
                    r"#\d+ from .* past MaxStartups|exited MaxStartups throttling after .*).*)"),
    (Kind.SHA1, r"(?:userauth_pubkey: )?(?P<what>(?:signature algorithm|key type) ssh-rsa not in "
                r"Pubkey\w+).*"),
)  # fmt: skip
_UNIT_FAILED = (
    r"(?:ssh|sshd)\.(?:service|socket): Failed with result '(?P<what>[\w-]+)'\."
    r"|Failed to start (?:ssh(?:d)?\.service - )?Open(?:BSD Secure Shell|SSH).*"
    r"|\[FAILED\] Failed to start .*(?:OpenSSH|OpenBSD Secure Shell).*"
)
_SPEAKER = r"(?P<head>.{0,200}?)\b(?:sshd|sshd-session|sshd-auth)(?:\[\d+\])?: (?P<said>.*)"
_SYSTEMD = r"(?P<head>.{0,200}?)\bsystemd(?:\[1\])?: (?P<said>.*)"


def understood(lines: Iterable[str]) -> Iterator[Said]:
    """Read lines of the journal, of syslog and of consoles, in their order."""
    import re

    speaker, systemd = re.compile(_SPEAKER), re.compile(_SYSTEMD)
    forms = [(kind, re.compile(form)) for kind, form in _FORMS]
    failed = re.compile(_UNIT_FAILED)
    for number, line in enumerate(lines):
        if number > _MOST:
            return
        if "ssh" not in line and "SSH" not in line and "ecure Shell" not in line:
            continue
        line = line.strip()
        met = speaker.match(line)
        if met is not None:
            said = met["said"].removesuffix(" [preauth]").strip()
            for kind, form in forms:
                found = form.fullmatch(said)
                if found is not None:
                    values = found.groupdict()
                    user, what = values.get("user") or "", values.get("what") or ""
                    yield Said(kind, said, user, what, _time(met["head"]))
                    break
            continue
        met = systemd.match(line)
        said, head = (met["said"], met["head"]) if met is not None else (line, "")
        if failed.fullmatch(said.strip()):
            yield Said(Kind.FAILED, said, "", "", _time(head))


def _time(head: str) -> float | None:
    """Give the seconds that a line of the journal begins with."""
    word = head.split(" ")[0]
    return float(word) if word.isdigit() and len(word) < 12 else None
