"""The table of forms: how each program that prints the kernel's log begins a line.

A row is a name, what kind of text it is of, and a pattern of a whole line.  The groups of a pattern
are the fields of a record: `up` (seconds since boot) or `us` (microseconds), `at` (a time stamp),
`plus` (seconds since the line above), `pri` (facility times 8 plus level, RFC 5424), `facility`,
`who` with `pid`, and `said`, which is last.  The first row that matches counts.
"""

from __future__ import annotations

from ec2rl.record import Choice, record


class Kind(Choice):
    """What kind of text a form is of."""

    RING = "dmesg"
    """The kernel's ring buffer, as a program or a console shows it: only what the kernel has."""
    LOG = "log"
    """A log in which each line shows who wrote it."""


@record(frozen=True)
class Form:
    """A row: who prints a line so, and how it is read."""

    name: str
    kind: Kind
    pattern: str


@record(frozen=True)
class Wrapper:
    """What stands around a line: `passed_on` where another program wrote down what it was sent.

    The group `rest` of the pattern is the line inside, `at` the time that the other one gave it.
    """

    name: str
    passed_on: bool
    pattern: str


MONTH = r"(?:[^\W\d_]{2,9}\.?|\d{1,2}[월月])"
_CLOCK = r"\d\d:\d\d:\d\d"
_ZONE = r"(?:Z|[+-]\d\d(?::?\d\d)?)"
_DAY = r"\d{4}-\d\d-\d\d"
_ISO = rf"{_DAY}[T ]{_CLOCK}(?:\.\d{{1,9}})?{_ZONE}?"
_DATE = rf" ?{MONTH} +\d{{1,2}} {_CLOCK}(?:\.\d{{1,9}})?"
CTIME = rf"[^\s\[\]\d]{{1,12}} +{MONTH} +\d{{1,2}} {_CLOCK} \d{{4}}"
COMMA = rf"{_DAY}T{_CLOCK},\d{{6}}[+-]\d\d:\d\d"
_FACILITY = r"(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local[0-7])"
LEVEL = r"(?:emerg|alert|crit|err|warn|warning|notice|info|debug)"

# dmesg's own: a level (-r), or facility and level (-x).
_PRI = r"(?:<(?P<pri>\d{1,3})>)?"
_DECODED = rf"(?:<(?P<pri>\d{{1,3}})>|(?P<facility>{_FACILITY}) *:{LEVEL} *: )?"
# dmesg -d and journalctl -o short-delta add what passed since the line above.
_UP = r"\[ *(?P<up>\d{1,9}\.\d{6})(?: *| < *\d+\.\d{6} ?>)\]"
_CALLER = r" ?(?:\[ *[TC]\d{1,10}\] ?)?"
"""CONFIG_PRINTK_CALLER: the thread or the CPU that said it."""
_SAID = r"(?P<said>.*)"

# What a log shows of the writer: a host, and with some daemons facility and level, before its name.
_WHO = (
    r" (?:[^\s\[\]][^\s\]]*(?<!:) )?"
    rf"(?:(?P<facility>{_FACILITY})\.{LEVEL} )?"
    r"(?P<who>[^\s:\[\]]{1,64})(?:\[(?P<pid>[^\]\s]{0,16})\])?:(?: |$)"
)

FORMS = (
    Form("journalctl -o short-monotonic", Kind.LOG, rf"{_UP} [\w.-]+ (?P<who>kernel): {_SAID}"),
    Form("/var/log/dmesg", Kind.RING, rf"{_UP} kernel: {_SAID}"),
    Form("crash log -m", Kind.RING, rf"{_UP} <(?P<pri>\d)>{_SAID}"),
    Form(
        "Android",
        Kind.RING,
        rf"{_PRI}{_UP} *(?:\[ *\d{{1,3}}: *[^\]]{{1,16}}: *\d{{1,7}}\]|\(\d{{1,3}}\)\[\d{{1,7}}:"
        rf"[^\]]{{1,20}}\]|c\d{{1,3}} +\d{{1,7}}(?: +\([^)]{{1,16}}\))?) ?{_SAID}",
    ),
    Form("dmesg", Kind.RING, rf"{_DECODED}{_UP}{_CALLER}{_SAID}"),
    Form("dmesg -T", Kind.RING, rf"{_DECODED}\[(?P<at>{CTIME})(?: < *[\d.]+>)?\]{_CALLER}{_SAID}"),
    Form("dmesg --time-format iso", Kind.RING, rf"{_DECODED}(?P<at>{COMMA}){_CALLER}{_SAID}"),
    Form(
        "dmesg -H",
        Kind.RING,
        rf"{_DECODED}\[(?:(?P<at>{MONTH} ?\d{{1,2}} \d\d:\d\d)| *\+(?P<plus>\d{{1,9}}\.\d{{6}}))\]"
        rf"{_CALLER}{_SAID}",
    ),
    Form(
        "dmesg --time-format delta",
        Kind.RING,
        rf"{_DECODED}\[< *(?P<plus>\d{{1,9}}\.\d{{6}})>\]{_CALLER}{_SAID}",
    ),
    Form(
        "/dev/kmsg",
        Kind.RING,
        r"(?:\d[\w.+~-]{2,64},)?(?P<pri>\d{1,3}),\d{1,20},(?P<us>\d{1,17}),[^\s;]{1,100};" + _SAID,
    ),
    Form(
        "Talos",
        Kind.RING,
        rf"(?:\S+: )?(?P<facility>{_FACILITY}): +{LEVEL}: \[(?P<at>{_ISO})\]: ?{_SAID}",
    ),
    Form(
        "RFC 5424",
        Kind.LOG,
        rf"<(?P<pri>\d{{1,3}})>1 (?P<at>{_ISO}) \S+ (?P<who>\S+) (?P<pid>\S+) \S+ "
        rf"(?:-|(?:\[(?:[^\]\\]|\\.)*\])+) {{0,2}}\ufeff?{_SAID}",
    ),
    Form("syslog, date", Kind.LOG, rf"{_PRI}(?P<at>{_DATE}){_WHO}{_SAID}"),
    Form("syslog, ISO 8601", Kind.LOG, rf"{_PRI}(?P<at>{_ISO}){_WHO}{_SAID}"),
    Form(
        "journalctl -o short-full",
        Kind.LOG,
        rf"(?P<at>[A-Z][a-z]{{2}} {_DAY} {_CLOCK}(?:\.\d{{6}})? (?:[A-Z]{{2,5}}|{_ZONE})){_WHO}"
        rf"{_SAID}",
    ),
    Form("journalctl -o short-unix", Kind.LOG, rf"(?P<at>\d{{9,11}}\.\d{{6}}){_WHO}{_SAID}"),
    Form(
        "logread",
        Kind.LOG,
        rf"(?P<at>{CTIME})(?: \[\d+\.\d+\])? (?P<facility>{_FACILITY})\.{LEVEL} "
        rf"(?P<who>[^\s:\[\]]{{1,64}})(?:\[(?P<pid>[^\]\s]{{0,16}})\])?:(?: |$){_SAID}",
    ),
    Form("auditd", Kind.LOG, rf"(?:node=\S+ )?(?P<who>type=\w+) msg=audit\([\d.:]+\):? ?{_SAID}"),
    Form("metalog", Kind.LOG, rf"(?P<at>{_DATE}) \[(?P<who>[^\]\s]{{1,64}})\] {_SAID}"),
    Form(
        "logcat",
        Kind.LOG,
        r"(?P<at>\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) +(?P<pid>\d+) +\d+ [VDIWEF] (?P<who>[^:]{0,64}): "
        + _SAID,
    ),
    Form(
        "logcat -v brief", Kind.LOG, rf"[VDIWEF]/(?P<who>[^:(]{{0,64}})\( *(?P<pid>\d+)\): {_SAID}"
    ),
    Form("wall", Kind.LOG, rf" ?(?P<who>kernel):(?: |(?=\[)){_SAID}"),
    Form("dmesg -x -t", Kind.RING, rf"(?P<facility>{_FACILITY}) *:{LEVEL} *: (?!\[[ \d<+]){_SAID}"),
    Form("dmesg -r, no times", Kind.RING, rf"<(?P<pri>\d{{1,3}})>(?!\[|1 |{_DATE}|{_DAY}){_SAID}"),
)

RELATIVE = ("dmesg -H", "dmesg --time-format delta")
"""Forms whose lines say how long they are after the line above."""

WRAPPERS = (
    Wrapper("a quotation", False, r"[ \t]{0,7}(?:(?:>|&gt;|\|) {0,7})+(?P<rest>.*)"),
    Wrapper("an indentation", False, r"[ \t]+(?P<rest>\S.*)"),
    Wrapper("the CRI's log", True, rf"(?P<at>{_ISO}) (?:stdout|stderr) [FP](?::\w+)* (?P<rest>.*)"),
    Wrapper("docker compose", True, r"[\w.-]{1,64} +\| (?P<rest>.*)"),
    Wrapper("kubectl logs", True, r"\[(?:pod|container)/[^\]\s]+\] (?P<rest>.*)"),
    Wrapper("AWS CLI's text", True, r"EVENTS\t(?:[^\t]*\t){1,3}?(?P<rest>[^\t]*)(?:\t[^\t]*)*"),
    Wrapper("grep", True, r"(?:[\w./+@-]{1,200}[:-])?(?:\d{1,9}[:-])?(?P<rest>(?<=[:-]).*)"),
    Wrapper("a log with times", True, rf"\[?(?P<at>{_ISO}|{_DATE}|{CTIME})\]?:? (?P<rest>.*)"),
    Wrapper(
        "a log with times",
        True,
        rf"\[?(?P<at>{_ISO}|{_DATE})\]?:? [^\s\[]\S{{0,255}} (?P<rest>.*)",
    ),
)

INNER = rf"(?: ?{_UP})?{_CALLER}{_SAID}"
"""What stands behind `kernel:`."""

MIDDLE_OF_LOG = rf"(?:<\d{{1,3}}>)?(?:{MONTH} [ \d]\d {_CLOCK}|{_ISO})\S* \S+ kernel: "
MIDDLE_OF_RING = (
    r"(?:<\d{1,3}>)?\[ *\d{1,9}\.\d{6}(?: *| < *\d+\.\d{6} ?>)\](?=[ \[]|$)"
    rf"|<\d{{1,3}}>(?=[\w\[])|{_FACILITY} *:{LEVEL} *: |\[< *\d+\.\d{{6}}>\] "
    rf"|\[(?:{MONTH} ?\d{{1,2}} \d\d:\d\d| *\+\d+\.\d{{6}})\] "
    rf"|(?<![\w.-])(?:[\w.-]{{1,64}}: )?{_FACILITY}: +{LEVEL}: \["
    rf"|\[{CTIME}\] |{COMMA} |\d{{1,3}},\d{{1,20}},\d{{1,17}},[-c][^\s;]{{0,50}};"
)
MIDDLE = f"{MIDDLE_OF_RING}|{MIDDLE_OF_LOG}"
"""The beginning of a record of the kernel's, wherever in a line it stands."""
