"""Words that nobody knows here: what went with ec2rl 1.1.7, what is meant, what is near."""

from __future__ import annotations

from ec2rl.invocation import to_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GONE = {
    "upload": "nothing is sent anywhere; attach the folder that run names, or run --record=FILE",
    "menu-config": "there is no menu; see: {help}",
    "save-config": "there is no configuration file; say it as options: {help}",
    "--config-file": "there is no configuration file; say it as options",
    "--backup": "no backup is made; {undo} takes back what fix changed, byte for byte",
    "--upload-directory": "nothing is sent anywhere; attach that folder yourself",
    "--presigned-url": "nothing is sent anywhere; attach the folder yourself",
    "--support-url": "nothing is sent anywhere; attach the folder yourself",
}
"""Words of ec2rl 1.1.7 that there are no more, each with what to do instead."""


_MEANT = {
    "run": "check diagnose scan test doctor start status health",
    "undo": "revert rollback restore rewind unfix back",
    "fix": "repair apply mend remediate heal set",
    "history": "changes log journal past",
    "keep": "confirm accept commit persist",
    "list": "modules ls show-modules dump show",
    "explain": "why describe info about man",
    "help": "usage",
    "boot": "reboot next-boot sysctl",
    "bug-report": "report support",
    "version": "release",
    "free": "flush delete clear",
    "--output": "--format",
    "--only-modules": "--modules --module",
    "--no": "--skip --exclude",
    "--since": "--from --after",
    "--until": "--to --before",
    "--deadline": "--timeout",
    "--concurrency": "--jobs",
    "--log": "--file",
    "--root": "--image --volume",
    "--sos": "--sosreport",
    "--dry-run": "--simulate --plan",
    "--yes": "--assume-yes",
    "--runtime-only": "--temporary",
    "--persist-only": "--permanent",
    "--netns": "--namespace",
}
"""What is meant by words that people type from habit."""


_OF_RUN = {
    "--dry-run": "{fix} shows what can be fixed, and changes nothing",
    "--yes": "--remediate does not ask; {fix} shows what can be fixed",
}
"""What people say to `run --remediate` as to other commands that change something."""


def is_gone(word: str) -> bool:
    """Tell whether a word, an option with its dashes, was one of 1.1.7 and is none any more."""
    return word in _GONE


def unknown(
    kind: str, said: str, known: Mapping[str, object] | Sequence[str], dash: str = ""
) -> str:
    """Say that a word is not known, with the one that is meant by it, or the nearest."""
    if is_gone(dash + said):
        told = _GONE[dash + said].format(help=to_type("help run", root=False), undo=to_type("undo"))
        return f"{dash}{said} went with 1.1.7: {told}"
    if kind == "option of run" and dash + said in _OF_RUN:
        return f"unknown {kind} {dash + said!r}: {_OF_RUN[dash + said].format(fix=to_type('fix'))}"
    if not known:
        return f"unknown {kind} {dash + said!r}: there is none"
    for meant, habits in _MEANT.items():
        if dash + said in habits.split() and meant[len(dash) :] in known:
            return f"unknown {kind} {dash + said!r}: did you mean {meant}?"
    try:
        from difflib import get_close_matches
    except ImportError:  # python3-minimal has none
        near = []
    else:
        near = get_close_matches(said, list(known), n=1, cutoff=0.5)
    if near:
        return f"unknown {kind} {dash + said!r}: did you mean {dash}{near[0]}?"
    return f"unknown {kind} {dash + said!r}: known are {', '.join(dash + k for k in known)}"
