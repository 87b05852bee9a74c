"""What auditd does when its disk runs full: auditd.conf(5), and `-f` of auditctl(8).

audit-userspace, src/auditd-config.c (keywords and actions in any case, the last line counts) and
src/auditd-event.c, check_space_left() and do_disk_full_action() (2.4 to 4.0).
"""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CONF, RULES, RULES_FOLDER = "/etc/audit/auditd.conf", "/etc/audit/audit.rules", "/etc/audit/rules.d"
FULL, ERROR, ADMIN, SPACE = (
    "disk_full_action", "disk_error_action", "admin_space_left_action", "space_left_action",
)  # fmt: skip
_ACTIONS = (FULL, ADMIN, SPACE, ERROR)
_LINES, _LOG = 5000, "/var/log/audit/audit.log"


@record(frozen=True)
class Action:
    """What is done (`halt`, `single`, ...) in which case, and the line that says so.

    `left` is below how many MiB, `percent` below which share of the disk it is done.
    """

    key: str
    action: str
    number: int
    text: str
    left: int | None = None
    percent: int | None = None

    @property
    def stops(self) -> bool:
        """Whether the machine goes down by it, or to a single user."""
        return self.action in ("halt", "single")

    def is_due(self, available: int, size: int) -> bool:
        """Tell whether that many bytes, of so many, make auditd do it."""
        if self.key == FULL:
            return available == 0
        if self.percent is not None:
            return available * 100 < self.percent * size
        return self.left is not None and available < self.left << 20


def parse_auditd(text: str) -> tuple[tuple[Action, ...], str]:
    """Read the actions that count, and the folder of the log."""
    found: dict[str, tuple[int, str, str]] = {}
    values: dict[str, str] = {}
    for number, line in enumerate(text.split("\n")[:_LINES], 1):
        plain = line.strip()
        key, sign, value = plain.partition("=")
        if plain[:1] != "#" and sign:
            key, value = key.strip().lower(), value.strip()
            values[key] = value
            found[key] = number, line, value.split(" ")[0].lower()
    log = values.get("log_file", "") if values.get("log_file", "").startswith("/") else _LOG
    actions = tuple(
        Action(key, found[key][2], found[key][0], found[key][1], *_limit(key, values))
        for key in _ACTIONS
        if key in found
    )
    return actions, log.rpartition("/")[0] or "/"


def _limit(key: str, values: Mapping[str, str]) -> tuple[int | None, int | None]:
    value = values.get(key.removesuffix("_action"), "") if key in (ADMIN, SPACE) else ""
    digits = value.removesuffix("%").strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 10):
        return None, None
    return (None, int(digits)) if value.endswith("%") else (int(digits), None)


def panics(text: str) -> int | None:
    """Give the line of audit's rules that has the kernel panic where an event is lost (`-f 2`)."""
    at, found = None, False
    for number, line in enumerate(text.split("\n")[:_LINES], 1):
        words = line.split()
        if words[:1] == ["-f"] and len(words) > 1:
            at, found = number, words[1] == "2"
    return at if found else None


def with_suspend(line: str) -> str:
    """Give a line with another action, and all else of it as it is."""
    head, sign, value = line.removesuffix("\r").partition("=")
    blanks = value[: len(value) - len(value.lstrip())]
    return f"{head}{sign}{blanks}SUSPEND"
