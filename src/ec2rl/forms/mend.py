"""Lines of a saved text that something spoilt on their way: a console's, a terminal's, an editor's.

A console mixes what the kernel says with what getty and systemd print, in the same line; terminals
add colours, serial lines carriage returns and NULs.
"""

from __future__ import annotations

import re

SEQUENCE = (
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\)?|\x1b[()*+][A-Z\d]"
    r"|\x1b[=>78DEHMNOZ\\]"
)
"""What a terminal is sent beside letters (ECMA-48), for bytes too: a control sequence is ESC [,
parameters (colours may have colons), and a final letter; ESC ] begins a string for the terminal."""

_NOISE = SEQUENCE + r"|[\r\x00\ufeff]"
_STATE = r"\[(?:  OK  |FAILED|DEPEND| WARN | INFO | TIME | SKIP )\] "
# What getty and systemd print, and nothing that a user has a say in. dmesg begins the further lines
# of a record with as many blanks as its stamp is wide: no line that stands so far in is mended.
_GLUED = (
    r"(?: {0,7}|[\w.-]{1,64} login: ?|" + _STATE + r"[^\[\]]{0,160}"
    r"|(?: {9})?(?:Start|Stopp|Mount|Unmount|Load|Creat|Clos|Listen|Activat|Wait)ing "
    r"[^\[\]]{0,160})"
    r"(?=(?:<\d{1,3}>)?\[ *\d{1,9}\.\d{6}\])"
)
BEGINS = (
    r"(?:(?:nf|ip)_conntrack: |(?:IPv[46]: )?(?:neighbour|arp_cache|ndisc_cache): |Neighbour table "
    r"|(?<!\w)\w{1,16}: too much work |kernel BUG at "
    r"|(?:rcu: )?INFO: (?:task |rcu_)|(?:NMI )?watchdog: |Watchdog (?:CPU:|detected )|BUG: "
    r"|Kernel panic - |(?:BUG: )?[Uu]nable to handle |general protection "
    r"|(?:xen_netfront: )?xennet: |Out of memory"
    r"|Memory cgroup out of memory|oom-kill:|Killed process |Internal error: |Oops: |divide error: "
    r"|(?:traps: )?PANIC: double fault|(?:invalid opcode|int3|double fault|stack segment): )"
)
"""What messages of the kernel's begin with."""
_FAR = 512
"""Characters in which a message begins, where it is known how."""
_HEADS = r"(?:<\d{1,3}>)?(?:\s*\[[^\]]{1,40}\])*\s*"

# Markdown, HTML, and colours whose ESC somebody wrote out (rsyslog writes #033).
_DRESS = (
    r"\*+|~~|`|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)|</?[A-Za-z][^<>\n]{0,80}>"
    r"|(?:\^\[|\\(?:033|e|x1[bB]|u001[bB])|#033)\[[\d;?]*[A-Za-z]"
)

JOINED = "\x1f"
"""Ends a line that was put together of several: its message may have ended before."""

INSIDE = " " * 8
"""What stands as far in as that may be the inside of a record of several lines."""


def mended(text: str) -> str:
    """A line without what is no letter of it, and without what a console printed around it."""
    return apart(text)[1]


# Blanks of other widths, line ends that end no line, what has no width, and what Word makes of
# -, ' and ".
_TYPESET = {
    **dict.fromkeys(
        (0x85, 0xA0, 0x2028, 0x2029, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " "
    ),
    **dict.fromkeys((0xAD, *range(0x200B, 0x2010), 0x2060, 0xFEFF)),
    **dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-"),
    **dict.fromkeys((0x2018, 0x2019), "'"),
    **dict.fromkeys(range(0x201C, 0x2020), '"'),
}


def typed(text: str) -> str:
    """A text as a program printed it, where an editor or a page made typography of it.

    Where an ellipsis ends a line, somebody cut that.
    """
    return text if text.isascii() else re.sub("…(?=.)", "...", text).translate(_TYPESET)


def plain(text: str) -> str:
    """Clean a text of what is no letter of it, nor a program's."""
    return re.sub(_NOISE, "", typed(text))


def apart(text: str) -> tuple[str, str, str]:
    """A line without what is no letter of it, and what a console printed before and behind it."""
    text = plain(text)
    glued = re.match(_GLUED, text)
    before, text = ("", text) if glued is None else (glued[0], text[glued.end() :])
    behind = re.search(_STATE, text)
    end = len(text) if behind is None or not behind.start() else behind.start()
    return before, text[:end], text[end:]


def margin(lines: list[str]) -> str:
    """The blanks that all lines begin with: a text of one's own is often pasted with a margin."""
    width = min((indentation(one) for one in lines if one.strip()), default=0)
    return " " * width if len(lines) > 1 else ""


def indentation(text: str) -> int:
    """How many blanks a line begins with."""
    return len(text) - len(text.lstrip(" "))


def unquoted(text: str) -> str:
    """A line as it stood before somebody quoted it, with blanks for its tabs."""
    return re.sub(r"\A {0,7}(?:(?:>|&gt;|\|) ?)+", "", text).expandtabs()


def undressed(text: str) -> str:
    """A text without marks that people, editors and pages put around words, and single blanks."""
    return re.sub(r"[^\S\n]+|&nbsp;", " ", re.sub(_DRESS, "", text))


def bare(text: str) -> str:
    """What a line whose head is not understood says, from where a message of the kernel begins."""
    begins = re.search(BEGINS, text[:_FAR])
    if begins is not None:
        return text[begins.start() :]
    return re.sub(_HEADS, "", text, count=1)
