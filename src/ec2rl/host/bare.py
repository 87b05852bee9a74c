"""A text without what people put around what a program printed: quotes, prompts, names of files."""

from __future__ import annotations

import re

_PROMPT = rb"(?m)^[\w.@~:/() \[\]-]{0,80}[#$%>] ?(?:sudo )?"
_AROUND = (
    (rb"\xc2\xa0", b" "),
    (rb"(?m)^[ \t]*```[^\n]*\n?", b""),
    (rb"(?m)^ {0,3}(?:> ?){1,8}", b""),
    # The CRI's, of which kubectl takes off the stream (k8s.io/kubelet, kuberuntime/logs).
    (rb"(?m)^\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d) (?:std(?:out|err) [FP] )?", b""),
    # head(1), for several files; cat(1) behind a prompt.
    (rb"(?m)^==> (/proc/sys/\S{1,200}) <==\n", rb"\1: "),
    (_PROMPT + rb"(?:cat|head|more) (/proc/sys/\S{1,200})\n", rb"\1: "),
    (
        _PROMPT
        + rb"(?:cat|conntrack|ethtool|grep|ip|kubectl|docker|nsenter|netstat|nstat|sysctl|uname)\b"
        rb"[^\n]*(?:\n|\Z)",
        b"",
    ),
)


def bare(text: bytes) -> bytes:
    """Take off what stands around the lines of a text, which is in UTF-8."""
    for pattern, instead in _AROUND:
        text = re.sub(pattern, instead, text)
    return text
