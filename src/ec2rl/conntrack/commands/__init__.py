"""`ec2rl conntrack ...`: what each subcommand takes; each is done in the file of its name."""

from __future__ import annotations

from ec2rl.arguments import FORMATS, UNTOLD, Command, Option

_NAMED = "NAME|INODE|PID|CONTAINER"
_VOLUME = Option("DIR", "the mounted root of another machine, in place of this one")
_WHICH = {
    "netns": Option(f"{_NAMED}|all", "another network namespace's table (this one)"),
    "file": Option("CAPTURE", "a saved table in its place, in any form (-: standard input)"),
    "sysctl": Option("FILE", "what `sysctl -a` printed on the machine of --file"),
}
_RECORDED = {
    "record": Option("FILE", "write what was looked at into FILE, for --replay"),
    "mask": Option("", "take addresses, secrets and names out of it"),
    "replay": Option("FILE", "a recording in place of this machine, also one that run wrote"),
}
_SEEN = (
    "0 shown; 2 a wrong command line; 3 a table that was asked for was not read, or not whole; 4 "
    "shown, and the recording not written; 130 interrupted: what was seen is shown"
)
_TABLE = {**_WHICH, **_RECORDED, **FORMATS}
_FILTER = {
    "src": Option("ADDRESS[/BITS]", "where it was opened from"),
    "dst": Option("ADDRESS[/BITS]", "where it was opened to"),
    "dport": Option("PORT", "the port that it was opened to, or a service's name (/etc/services)"),
    "protocol": Option("NAME", "tcp, udp, icmp, ... or a number"),
    "state": Option("NAME,...", "ESTABLISHED, TIME_WAIT, ...", many=True),
    "unreplied": Option("", "what nobody has answered"),
    "idle-over": Option("TIME", "what has seen no packet for so long: 90s, 2h, 1d"),
    "mark": Option("N", "of this mark (decimal, or 0x...)"),
    "zone": Option("N", "of this zone"),
}

COMMANDS = {
    "top": Command(
        "who fills the connection-tracking table, and why",
        "",
        {
            "by": Option("KEY", "src, dst, service, pair, state, protocol, owner, zone or mark"),
            "limit": Option("N", "rows of each ranking (5, or 10 with --by)"),
            "sample": Option("K", "look at about K entries only, and tell the bounds"),
            **_TABLE,
        },
        _SEEN,
    ),
    "whatif": Command(
        "what other timeouts would free, and what they would cut",
        "[TIMEOUT=TIME ...]",
        _TABLE,
        _SEEN,
    ),
    "size": Command(
        "how large the table should be, its cost, and when it will be full",
        "",
        {
            "interval": Option("TIME", "pause between two looks (5; 0: one look)", was="seconds"),
            **_TABLE,
            "netns": Option(f"{_NAMED}|all", "the need of one namespace (all: the limit is one)"),
        },
        _SEEN,
    ),
    "namespaces": Command(
        "how full the table of each network namespace is",
        "",
        {
            "netns": Option(f"{_NAMED}|all", "of one network namespace alone (all)"),
            **_RECORDED,
            **FORMATS,
        },
        "0 shown; 2 a wrong command line; 3 a namespace could not be found or read; 4 shown, and "
        "the recording not written",
    ),
    "list": Command(
        "list entries, all or those that every filter admits",
        "",
        {
            **_FILTER,
            "limit": Option("N", "end after N entries"),
            **_WHICH,
            **_RECORDED,
            "json": Option("", "as JSON, written entry by entry"),
        },
        _SEEN,
    ),
    "boot": Command(
        "what each setting will be after a reboot, and which line decides",
        "",
        {**FORMATS, "root": _VOLUME},
        UNTOLD,
    ),
    "free": Command(
        "delete the entries that every filter admits: counts, shows, asks",
        "",
        {
            **_FILTER,
            "netns": Option(_NAMED, "another network namespace's table (this one)"),
            "dry-run": Option("", "count and show only"),
            "yes": Option("", "do not ask"),
            "replay": Option("FILE", "refused: a recording has nothing to delete; see list"),
            **FORMATS,
        },
        "0 deleted, shown (--dry-run), or none matches; 1 not agreed to, or the kernel refused; 2 "
        "a wrong command line; 3 could not look; 130 interrupted",
    ),
}
