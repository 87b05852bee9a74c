"""What lets sshd start again: modes of host keys, keys that are missing, lines that it refuses."""

from __future__ import annotations

from ec2rl.diagnosis.login_rights import propose_rights
from ec2rl.diagnosis.logins import FILES, Bar, quoted
from ec2rl.model import Proposal, Remedy, Risk, Unreadable
from ec2rl.record import replace
from ec2rl.remedies import EditLines, Lines, Rebuild

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.diagnosis.sshd_state import Sshd
    from ec2rl.host import Host
    from ec2rl.model import FixRequest
    from ec2rl.remedies import Change

_KEYGEN = "/usr/bin/ssh-keygen"
_KINDS = ("ed25519", "ecdsa", "rsa")
_SECONDS = 120.0
_CAVEAT = "a line that becomes a comment may have kept somebody out, or been meant for something"
_RESTART = "sshd reads it when it is restarted: sshd -t && systemctl restart ssh (or sshd)"


def propose_sshd(host: Host, sshd: Sshd, request: FixRequest) -> Proposal:
    """Plan it; the lines that sshd refuses are offered, unless `risky` asks for them."""
    bars = [*_of_keys(sshd), *_of_separation(sshd)]
    found = propose_rights(host, "Take host keys from others, as sshd wants it", bars)
    missing = tuple(_made(sshd))
    if missing:
        remedy = Remedy("Make the host keys that are missing", missing, Risk.SAFE)
        hands = (*found.by_hand, "ssh-keygen -A")
        found = replace(found, chosen=(*found.chosen, remedy), by_hand=hands, refused=())
    edits = tuple(_edits(sshd))
    if edits:
        remedy = Remedy(
            "Make a comment of what sshd does not start with", edits, Risk.RISKY, _CAVEAT
        )
        if request.risky:
            hands = (*found.by_hand, *_by_hand(sshd))
            found = replace(found, chosen=(*found.chosen, remedy), by_hand=hands, refused=())
        else:
            offer = replace(remedy, caveat=f"{_CAVEAT} (--risky)")
            found = replace(found, offered=(offer,))
    return replace(found, notes=(*found.notes, _RESTART)) if found.chosen else found


def _of_keys(sshd: Sshd) -> Iterator[Bar]:
    for key in sshd.keys:
        if key.rights is not None and key.fault is not None:
            yield Bar(FILES, key.fault, key.path, key.rights, key.before)


def _of_separation(sshd: Sshd) -> Iterator[Bar]:
    if sshd.separation is not None and not isinstance(sshd.files, Unreadable):
        said, rights, before = sshd.separation
        user = sshd.files.passwd.named.get("sshd")
        if user is not None and rights is not None:
            yield Bar(FILES, said, user.home, rights, before)


def _made(sshd: Sshd) -> Iterator[Change]:
    """Make keys of the kinds that names tell, where no other is of use."""
    if sshd.maker or not sshd.keys or not all(key.is_missing for key in sshd.keys):
        return
    for key in sshd.keys:
        kind = next((one for one in _KINDS if key.path.endswith(f"_{one}_key")), None)
        if kind is not None:
            program = (_KEYGEN, "-q", "-t", kind, "-N", "", "-f", "{out}")
            yield Rebuild(key.path, program, "text", _SECONDS)


def _edits(sshd: Sshd) -> Iterator[Change]:
    lines: dict[str, dict[int, str]] = {}
    for one in sshd.refused:
        lines.setdefault(one.path, {})[one.number] = one.line
    for path, found in lines.items():
        edits = [Lines(number, (line,), (f"# {line}",)) for number, line in sorted(found.items())]
        yield EditLines(path, tuple(edits))


def _by_hand(sshd: Sshd) -> Iterator[str]:
    for one in sshd.refused:
        yield f"sed -i '{one.number}s/^/# /' {quoted(one.path)}"
