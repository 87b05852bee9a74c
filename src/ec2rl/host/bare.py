"""A text without what people put around what a program printed: quotes, prompts, names of files."""

from __future__ import annotations

import re

from ec2rl import slices

_PROMPT = rb"(?m)^[\w.@~:/() \[\]-]{0,80}[#$%>] ?(?:sudo )?"
_NUMBER = rb"[ \t]*\n([0-9]{1,20})[ \t]*$"
_QUOTED = rb" {0,3}(?:> ?){1,8}"
# The CRI's, of which kubectl takes off the stream (k8s.io/kubelet, kuberuntime/logs).
_CRI = rb"\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d) (?:std(?:out|err) [FP] )?"
QUOTE = _QUOTED + b"|" + _CRI
"""What stands in front of a line that somebody quoted, or a container's log has."""
_AROUND = (
    (rb"\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]|\xe3\x80\x80", b" "),
    (rb"(?m)^[ \t]*```[^\n]*\n?", b""),
    (rb"(?m)^" + _QUOTED, b""),
    (rb"(?m)^" + _CRI, b""),
    # head(1), for several files; cat(1) behind a prompt.
    (rb"(?m)^==> (/proc/sys/\S{1,200}) <==\n", rb"\1: "),
    (_PROMPT + rb"(?:cat|head|more) (/proc/sys/\S{1,200})\n", rb"\1: "),
    (_PROMPT + rb"sysctl -n ([a-z][\w-]*\.[\w./-]{1,200})" + _NUMBER, rb"\1 = \2"),
)
_LOOKS = "dmesg|ethtool|journalctl|netstat|nstat|sysctl"
_COMMANDS = "cat|ethtool|grep|ip|kubectl|docker|nsenter|netstat|nstat|sysctl|uname"


_WITH_HOST = (
    rb"(?:\[[\w.-]+@([\w.-]+)[^\]\n]{0,80}\] ?|(?:\([\w.-]+\) )?[\w.-]+@([\w.-]+)[: ]"
    rb"[^\s#$%>]{0,80} ?|([A-Za-z][\w-]{0,62}):[~/][\w./~-]{0,80}(?: [\w.-]{0,32})?)"
    rb"[#$%](?: (?:sudo )?|$)(.*)"
)
"""Prompts as bash of Red Hat's and Debian's kin, of SUSE and of macOS writes them."""
_HEADING = (
    rb"([A-Za-z0-9][\w.-]{0,62}) \| (?:CHANGED|SUCCESS|FAILED!?|UNREACHABLE!?)"
    rb"(?: \| rc=-?\d{1,3} (?:\| \(stdout\) |\(stdout\) )?>>| => \{)?[ \t\r]*$"
    rb"|\[\d{1,6}\] \d\d:\d\d:\d\d \[(?:SUCCESS|FAILURE)\] "
    rb"(?:[\w.-]+@)?([A-Za-z0-9][\w.-]{0,62})(?::\d{1,5})?(?: [\w -]{1,60})?[ \t\r]*$"
)
"""What stands above each host's own output: ansible's (plugins/callback/minimal.py) and pssh's."""
_SHORT = rb"(?:(?:ba)?sh-\d\.\d)?[#$%%] (?:sudo )?((?:%s)\b.*)"
_OTHERS = "date|df|free|head|hostname|ls|lsblk|lsmod|mount|ps|ss|systemctl|tail|top|uptime|watch"


def _tools() -> str:
    forms = slices.parts("saved_evidence").values()
    return "|".join(form.KEY.partition(" ")[0] for form in forms)


def _prompts() -> tuple[bytes, bytes, bytes]:
    known = "|".join((_LOOKS, _COMMANDS, _OTHERS, _tools()))
    return _WITH_HOST, _HEADING, _SHORT % known.encode()


def prompt(line: bytes) -> tuple[str, bytes] | None:
    """Give the host that a prompt names, "" for none, and the command; None for another line.

    What stands above a host's own output is one, too, without a command.
    """
    long, heading, short = _prompts()
    if found := re.match(heading, line):
        return (found[1] or found[2]).decode(), b""
    if found := re.match(long, line):
        return (found[1] or found[2] or found[3]).decode(), found[4]
    found = re.match(short, line)
    return None if found is None else ("", found[1])


def has_prompt(text: bytes) -> bool:
    """Tell whether a prompt begins any line, also a quoted one."""
    quote = rb"(?m)^(?:" + QUOTE + rb")?"
    return any(re.search(quote + b"(?:" + one + b")", text) for one in _prompts())


def has_heading(text: bytes) -> bool:
    """Tell whether what stands above a host's own output begins any line."""
    return re.search(rb"(?m)^(?:" + _HEADING + rb")", text) is not None


def commands_of(text: bytes, of_settings: bool) -> list[str]:
    """Name the commands whose output stands behind prompts; `of_settings` leaves out what sets.

    With its first option, as far as it tells what is printed.
    """
    forms = slices.parts("saved_evidence").values()
    tools = f"{_LOOKS}|{_tools()}".encode()
    found = re.findall(_PROMPT + rb"((?:" + tools + rb")(?: --?[A-Za-z]\w{0,20})?)(?=\s|\Z)", text)
    sets = b"|".join((b"sysctl", *(command for form in forms for command in form.PRINTED)))
    told = dict.fromkeys(one for one in found if not (of_settings and re.match(sets, one)))
    return [one.decode() for one in told]


def bare(text: bytes) -> bytes:
    """Take off what stands around the lines of a text, which is in UTF-8."""
    for pattern, instead in _AROUND:
        text = re.sub(pattern, instead, text)
    forms = slices.parts("saved_evidence").values()
    for command, file in (pair for form in forms for pair in form.PRINTED.items()):
        text = re.sub(_PROMPT + command + _NUMBER, file + rb": \1", text)
    commands = f"{_COMMANDS}|{_tools()}".encode()
    return re.sub(_PROMPT + rb"(?:" + commands + rb")\b[^\n]*(?:\n|\Z)", b"", text)
