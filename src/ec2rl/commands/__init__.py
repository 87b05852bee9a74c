"""The subcommands: what each takes; what it does stands in the file of its name.

Those of one subject (`conntrack top`) stand in the `commands` of the package of its name.
"""

from __future__ import annotations

from ec2rl import slices
from ec2rl.arguments import FORMATS, TOLD, UNTOLD, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATUS = (
    "0 no failure, 1 a failure, 2 a wrong command line, 3 no failure seen but something could not "
    "be judged, 4 results not saved, 69 no suitable Python, 70 a fault of ec2rl itself, 130 "
    "interrupted"
)
"""The exit status of `run`."""

_CHOICE = {
    "only-modules": Option("NAME,...", "run these modules only", many=True),
    "only-domains": Option("NAME,...", "run modules of these domains only", many=True),
    "only-classes": Option("NAME,...", "run modules of these classes only", many=True),
    "no": Option("NAME,...", "leave these modules out", many=True),
}
_LOOK = {
    "interval": Option(
        "TIME", "pause before a second look where something is odd (1 s; 0: never)", was="sample"
    ),
    "since": Option("TIME", "leave out what the logs say of the time before"),
    "until": Option("TIME", "leave out what the logs say of the time after"),
    "deadline": Option("TIME", "end by then, whatever is left (120 s)"),
    "debug": Option("", "show what the program itself says of its faults"),
}
_ALONE = {
    "netns": Option(
        "NAME|INODE|PID|CONTAINER|all", "judge one network namespace alone, where a module can"
    )
}
_PAST = {
    "root": Option("DIR", "judge the mounted root of another machine", many=True),
    "sos": Option("FILE|DIR", "judge a sosreport, packed or not", many=True),
    "log": Option("FILE", "judge saved logs, or a journal's folder (-: a pipe)", many=True),
    "replay": Option("FILE", "judge a recording again", many=True),
}
_VOLUME = Option("DIR", "the mounted root of another machine, in place of this one")

_GENERAL = {
    "list": Command(
        "list the modules",
        "",
        {**_CHOICE, **FORMATS},
        "0 listed; 2 a wrong command line; 3 no module is of all these kinds",
    ),
    "help": Command("explain subcommands and modules", "[NAME ...]", FORMATS, TOLD),
    "demo": Command(
        "play what it shows of a machine in trouble, from a recording; looks at nothing here",
        "[NAME]",
        {"list": Option("", "list the recordings that there are"), **FORMATS},
        TOLD,
    ),
    "explain": Command(
        "show a module's page, and what it means on this machine",
        "MODULE [FILE ...]",
        {
            **_LOOK,
            **_ALONE,
            **FORMATS,
            "page-only": Option("", "do not look at this machine"),
            **_PAST,
        },
        "0 shown, whatever was found; 2 a wrong command line, or evidence that cannot be opened; "
        "130 interrupted",
    ),
    "fix": Command(
        "fix what a module found: shows a plan, asks, and can be undone; alone: lists fixes",
        "[MODULE]",
        {
            "dry-run": Option("", "show the plan only"),
            "set": Option(
                "NAME=N", "a value of your own: a setting's short name, or its whole key", many=True
            ),
            "runtime-only": Option("", "change nothing for the next boot"),
            "persist-only": Option("", "change nothing now, only for the next boot"),
            "try": Option("[TIME]", "take it back by itself unless confirmed (120 s)"),
            "risky": Option("", "take what is offered at a high risk too"),
            "allow-lower": Option("", "allow values below today's"),
            "force": Option("", "allow more memory than is sensible"),
            "yes": Option("", "do not ask"),
            "root": _VOLUME,
            **FORMATS,
        },
        "0 done, or nothing to do, or a plan shown that can be done (--dry-run); 1 nothing was "
        "changed: refused, not agreed to, failed, or nothing that this program could do keeps the "
        "value at a reboot; 2 a wrong command line, or no such volume; 3 without MODULE: some "
        "could not be judged",
    ),
    "boot": Command(
        "what any setting will be after a reboot, and which line of which file decides",
        "[KEY ...]",
        {**FORMATS, "root": _VOLUME},
        UNTOLD,
    ),
    "undo": Command(
        "take a change back, the newest unless one is named",
        "[ID]",
        {
            "dry-run": Option("", "say what it would do"),
            "partial": Option("", "leave what somebody has changed since, restore the rest"),
            "with-later": Option("", "take back what was changed on top of it, too"),
            "yes": Option("", "do not ask"),
            "root": _VOLUME,
            **FORMATS,
        },
        "0 taken back, shown (--dry-run), or there is nothing to take back; 1 nothing was taken "
        "back: refused, not agreed to, somebody else's changes are in the way, or it failed; 2 a "
        "wrong command line, or no such volume",
    ),
    "keep": Command(
        "let a change stay that is on trial",
        "[ID]",
        {
            "dry-run": Option("", "say what it would do"),
            "yes": Option("", "accepted; it never asks, as a trial would run out meanwhile"),
            **FORMATS,
        },
        "0 kept, or shown (--dry-run); 1 no such change is on trial, or not any more, or the "
        "records cannot be read or trusted; 2 a wrong command line",
    ),
    "history": Command(
        "list the changes that were made here",
        "",
        {**FORMATS, "root": _VOLUME},
        "0 told, be it that there are none; 1 the records cannot be read or trusted; 2 a wrong "
        "command line, or no such volume",
    ),
    "version": Command("show the version", "", FORMATS, TOLD),
    "version-check": Command(
        "show the version; nobody is asked for a newer one", "", FORMATS, TOLD
    ),
    "software-check": Command("list what this machine lacks that a module uses", "", FORMATS, TOLD),
    "bug-report": Command("show what to put into a bug report", "", FORMATS, TOLD),
}


def all_commands() -> dict[str, Command]:
    """Load every subcommand, those of each subject too."""
    return {
        "run": _run(_saved()),
        **_GENERAL,
        **{
            f"{subject} {name}": command
            for subject, theirs in slices.parts("commands").items()
            for name, command in theirs.COMMANDS.items()
        },
    }


def commands_for(words: Sequence[str]) -> Mapping[str, Command]:
    """Load what a command line may mean that begins with these words, and seldom all for one."""
    name = words[0] if words else ""
    if name == "run":
        plain = _run({})
        named = {word[2:].partition("=")[0] for word in words if word.startswith("--")}
        return {name: plain if named <= plain.options.keys() else _run(_saved())}
    return {name: _GENERAL[name]} if name in _GENERAL else all_commands()


def _saved() -> dict[str, Option]:
    """Give the options that name saved evidence of a subject's own form."""
    return {name: form.OPTION for name, form in slices.parts("saved_evidence").items()}


def _run(saved: Mapping[str, Option]) -> Command:
    return Command(
        "diagnose this machine, or what is left of another: FILE is told by its content",
        "[FILE ...]",
        {
            **_CHOICE,
            **FORMATS,
            "color": Option("auto|always|never", "colour the statuses (auto: on a terminal)"),
            "quiet": Option("", "-q: the verdicts alone"),
            "verbose": Option("", "-v: all that is known, as the saved report has it"),
            "all": Option("", "a line for each module, on a terminal too"),
            **_LOOK,
            **_ALONE,
            "concurrency": Option("N", "modules at work at the same time (10)"),
            "output-dir": Option("DIR", "save the results under DIR (/var/lib/ec2rl, the last 50)"),
            "no-save": Option("", "write nothing at all"),
            **_PAST,
            **saved,
            "record": Option("FILE", "write all that was looked at into FILE, as a case"),
            "mask": Option(
                "", "take addresses, secrets and names (not of programs, units) out of it"
            ),
            "remediate": Option("", "apply what is safe where a module failed, and judge again"),
            "strict": Option("", "a failure only where it is proven: of mere text, a warning"),
            "fail-on": Option("warn|failure", "what makes the exit status 1 (failure)"),
            "exit-zero": Option("", "exit with 0 whatever was found"),
            "not-an-instance": Option("", "accepted; no module asks the metadata service"),
            "perfimpact": Option("[true]", "accepted; no module slows the machine"),
        },
        STATUS,
    )
