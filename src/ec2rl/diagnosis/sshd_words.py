"""What sshd's own words prove: the last decides whether it runs, and who was let in since."""

from __future__ import annotations

from ec2rl.facts.ssh.said import Kind, Said, understood
from ec2rl.host.queries.boot_text import BootText
from ec2rl.host.queries.login_text import LoginText
from ec2rl.host.queries.sshd_journal import SshdJournal
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.host import Host

LOGS = ("/var/log/auth.log", "/var/log/secure")
_NO_FORM = "unknown"
_TAIL = 4000
"""Lines of a text log's end that are read."""


@record(frozen=True)
class Words:
    """What was said, in its order, and where it was read; Unreadable where nothing could be.

    `is_proven` is whether only root can have written it, `is_hearsay` whether anybody can.
    """

    said: tuple[Said, ...]
    source: str | Unreadable
    is_proven: bool = False
    is_hearsay: bool = False

    def last(self, *kinds: Kind) -> Said | None:
        """Give the last line of these kinds."""
        return next((one for one in reversed(self.said) if one.kind in kinds), None)

    @property
    def cannot_run(self) -> Said | None:
        """Give why sshd did not start, where that is its last word of whether it runs."""
        last = self.last(Kind.CANNOT, Kind.LISTENS, Kind.ACCEPTED)
        return last if last is not None and last.kind is Kind.CANNOT else None

    @property
    def healed(self) -> bool:
        """Whether it had not started, and did later."""
        return self.cannot_run is None and any(one.kind is Kind.CANNOT for one in self.said)

    def still_refused(self, *kinds: Kind) -> Iterator[Said]:
        """Give refusals that no login of the same account has followed, each reason once."""
        seen: set[tuple[str, str]] = set()
        accepted: set[str] = set()
        for one in reversed(self.said):
            if one.kind is Kind.ACCEPTED:
                accepted.add(one.user)
            elif one.kind in kinds and (one.user, one.what) not in seen:
                seen.add((one.user, one.what))
                if one.user not in accepted and not (accepted and not one.user):
                    yield one


def read_words(host: Host) -> Words:
    """Read the journal; where there is none the text logs, or what somebody saved of them."""
    journal = host.query(SshdJournal())
    if isinstance(journal, Evidence) and journal.text.strip():
        return Words(tuple(understood(journal.text.split("\n"))), "journal", is_proven=True)
    for query in (LoginText(), BootText()):
        printed = host.query(query)
        if not isinstance(printed, Unreadable):
            said = tuple(understood(printed.text.split("\n")))
            return Words(said, printed.path, is_hearsay=printed.kind == _NO_FORM)
    for path in LOGS:
        text = host.read(path)
        if isinstance(text, Evidence):
            return Words(tuple(understood(text.text.split("\n")[-_TAIL:])), path)
    if isinstance(journal, Unreadable) and journal.why is not Why.ABSENT:
        return Words((), journal)
    return Words((), Unreadable("sshd's log", Why.ABSENT))
