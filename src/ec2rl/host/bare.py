"""A text without what people put around what a program printed: quotes, prompts, names of files."""

from __future__ import annotations

import re

from ec2rl import slices

_PROMPT = rb"(?m)^[\w.@~:/() \[\]-]{0,80}[#$%>] ?(?:sudo )?"
_NUMBER = rb"[ \t]*\n([0-9]{1,20})[ \t]*$"
_AROUND = (
    (rb"\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]|\xe3\x80\x80", b" "),
    (rb"(?m)^[ \t]*```[^\n]*\n?", b""),
    (rb"(?m)^ {0,3}(?:> ?){1,8}", b""),
    # The CRI's, of which kubectl takes off the stream (k8s.io/kubelet, kuberuntime/logs).
    (rb"(?m)^\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d) (?:std(?:out|err) [FP] )?", b""),
    # head(1), for several files; cat(1) behind a prompt.
    (rb"(?m)^==> (/proc/sys/\S{1,200}) <==\n", rb"\1: "),
    (_PROMPT + rb"(?:cat|head|more) (/proc/sys/\S{1,200})\n", rb"\1: "),
    (_PROMPT + rb"sysctl -n ([a-z][\w-]*\.[\w./-]{1,200})" + _NUMBER, rb"\1 = \2"),
)
_LOOKS = "dmesg|ethtool|journalctl|netstat|nstat|sysctl"
_COMMANDS = "cat|ethtool|grep|ip|kubectl|docker|nsenter|netstat|nstat|sysctl|uname"


def commands_of(text: bytes, of_settings: bool) -> list[str]:
    """Name the commands whose output stands behind prompts; `of_settings` leaves out what sets.

    With its first option, as far as it tells what is printed.
    """
    forms = slices.parts("saved_evidence").values()
    tools = "|".join((_LOOKS, *(form.KEY.partition(" ")[0] for form in forms))).encode()
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
    tools = [form.KEY.partition(" ")[0] for form in forms]
    commands = "|".join((_COMMANDS, *tools)).encode()
    return re.sub(_PROMPT + rb"(?:" + commands + rb")\b[^\n]*(?:\n|\Z)", b"", text)
