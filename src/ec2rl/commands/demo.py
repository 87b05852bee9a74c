"""`ec2rl demo [NAME]`: what this program shows of a machine in trouble, played from a recording.

The same code judges the recording that judges a machine; nothing is looked at here, or written.
"""

from __future__ import annotations

from ec2rl import shipped
from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.catalogue import load, page
from ec2rl.commands.boot import settings_told
from ec2rl.commands.explain import on_this_host, page_for
from ec2rl.commands.fix import request_of
from ec2rl.facts.sysctl_conf import normalize
from ec2rl.host.caching import CachingHost
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.invocation import to_type
from ec2rl.module import Options, bounded, diagnose
from ec2rl.record import record, replace
from ec2rl.remedies import SetSysctl
from ec2rl.report.next_boot_text import next_boot_text
from ec2rl.report.offline import of_the_past, recorded
from ec2rl.report.plan import plan
from ec2rl.report.text import Much, View, header, result, table
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal
from ec2rl.unknown import unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ec2rl.model import Json

_FOLDER, _SUFFIX = "demo", ".case"
_FIRST = "full-table"
_MARK = "DEMONSTRATION"


@record(frozen=True)
class Demo:
    """A recording of a trouble: what it is of, in a line, and how it was looked at.

    `module` is the diagnosis that finds it; `root` is where the volume is that it is of, "" for a
    machine that runs; `asked` is what the fix is asked for, as `--set` takes it, or "".
    """

    name: str
    title: str
    module: str
    root: str
    asked: str
    looks: Mapping[str, str]


def command(args: Parsed, terminal: Terminal) -> int:
    """0 played, or left before its end; UsageError for a recording that there is not."""
    known = names()
    write = format_of(args).write
    if write is not None or args.has("list"):
        demos = [demo(name) for name in known]
        if write is not None:
            facts: list[Json] = [
                {"name": d.name, "module": d.module, "title": d.title} for d in demos
            ]
            terminal.out(write(document(demos=facts)))
            return 0
        rows = [{"Name": d.name, "Module": d.module, "What it shows": d.title} for d in demos]
        terminal.out(table(rows, terminal.width))
        return 0
    if len(args.operands) > 1:
        raise UsageError("demo takes one name", "ec2rl demo --list")
    name = args.operands[0] if args.operands else _FIRST
    if name not in known:
        raise UsageError(unknown("demonstration", name, known), "ec2rl demo --list")
    _play(demo(name), terminal)
    return 0


def names() -> tuple[str, ...]:
    """Give the names of the recordings that ship with the program."""
    return tuple(n[: -len(_SUFFIX)] for n in shipped.names(_FOLDER) if n.endswith(_SUFFIX))


def demo(name: str) -> Demo:
    """Read one of the recordings."""
    title, looks = sections(shipped.text(f"{_FOLDER}/{name}{_SUFFIX}"))
    how = dict(word.partition("=")[::2] for word in looks.pop("options").split())
    first = title.partition("\n")[0]
    return Demo(name, first, how["module"], how.get("root", ""), how.get("set", ""), looks)


_PLAIN = View(Much.SHORT)


def screens(shown: Demo, view: View = _PLAIN) -> Iterator[tuple[str, str]]:
    """Give each command that a person would type, and what it shows of the recorded machine."""
    module, root = load(shown.module), shown.root
    host = CachingHost(RecordedHost(shown.looks, root), recording=True)
    found = diagnose(module, host, Options(by_hand=not root))
    finding, by_hand = bounded(found.finding, found.by_hand)
    if root:
        finding = of_the_past(finding, recorded(root, host.clock()))
    of = f" --root={root}" if root else ""
    told = result(module.name, finding, view)
    results = f"{header('Diagnostic Results')}\n\n{told}\n"
    yield to_type(f"run --only-modules={module.name}{of}"), results
    text = page(module.name)
    if not root:
        yield (
            to_type(f"explain {module.name}"),
            page_for(text, view.width) + on_this_host(module, text, finding, by_hand, view.width),
        )
    if module.propose is None:
        return
    words = ["fix", module.name, *([f"--set={shown.asked}"] if shown.asked else []), "--dry-run"]
    request = request_of(Parsed("fix", (), {"set": (shown.asked,)} if shown.asked else {}), module)
    proposal = module.propose(host, found.seen, replace(request, now=not root))
    if root:
        proposal = replace(proposal, by_hand=())
    yield to_type(f"{' '.join(words)}{of}"), plan(proposal, width=view.width)
    changes = [change for remedy in proposal.chosen for change in remedy.changes]
    named = [module.setting(name) for name in request.settings]
    keys = [change.key for change in changes if isinstance(change, SetSysctl)]
    keys = keys or [setting.key for setting in named if setting] or list(module.keys)
    settings = settings_told(host, [normalize(key) for key in keys])
    texts = [next_boot_text(one, {}, not root, keys, width=view.width) for one in settings]
    yield to_type(f"boot {' '.join(keys)}{of}"), "\n".join(texts)


def _play(shown: Demo, terminal: Terminal) -> None:
    """Show all steps, on a terminal screen by screen; each is marked, and q leaves."""
    terminal.choose_colour("auto")
    steps = list(screens(shown, View(Much.SHORT, terminal.colour, terminal.width)))
    terminal.out(
        f"{_MARK}: {shown.title}\n"
        "All below is of that machine, none of it of this one, and nothing is written.\n"
    )
    size = terminal.size
    marked = [
        (f"[{_MARK} {number} of {len(steps)}: {shown.name}]", piece)
        for number, (typed, text) in enumerate(steps, 1)
        for piece in _pieces(f"$ {typed}\n\n{text.rstrip()}", size)
    ]
    for at, (mark, piece) in enumerate(marked):
        if at and size:
            said = terminal.ask(f"{mark} Enter goes on, q ends: ")
            if said is None or said.strip().lower().startswith("q"):
                return
        terminal.out(f"\n{mark}\n{piece}\n")
    terminal.out(f"\n[{_MARK} ends] On a machine in trouble it begins with: {to_type('run')}\n")


def _pieces(text: str, size: tuple[int, int] | None) -> Iterator[str]:
    """Cut a text into what a screen of this size holds beside its mark and a prompt."""
    if size is None:
        yield text
        return
    columns, room = size[0], max(size[1] - 4, 1)
    piece: list[str] = []
    taken = 0
    for line in text.split("\n"):
        rows = max(1, -(-len(line) // columns))
        if piece and taken + rows > room:
            yield "\n".join(piece)
            piece, taken = [], 0
        piece.append(line)
        taken += rows
    yield "\n".join(piece)
