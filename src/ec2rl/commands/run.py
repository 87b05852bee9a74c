"""`ec2rl run`: diagnose this machine, show the verdicts, and save them."""

from __future__ import annotations

import time

from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.catalogue import choose
from ec2rl.commands.one_namespace import check_alone, told
from ec2rl.commands.reporting import (
    PAST,
    document_of,
    exit_status,
    failing,
    make_room,
    open_folder,
    open_record,
    opening,
    plan_of,
    progress,
    record_looks,
    rights_to_save,
    save,
    tell_faults,
    view_of,
)
from ec2rl.commands.unsettled import tell_unsettled
from ec2rl.engine import Runner
from ec2rl.host.live import LiveHost
from ec2rl.invocation import to_type
from ec2rl.terminal import Terminal


def command(args: Parsed, terminal: Terminal) -> int:
    """Run the modules, and report: what `exit_status` tells, 2 for a wrong command line."""
    if args.operands or any(map(args.has, PAST)):
        from ec2rl.commands.offline import judge_offline

        return judge_offline(args, terminal)
    if args.has("mask") and not args.has("record"):
        raise UsageError("--mask is about what --record writes")
    if not args.has("remediate"):
        return _judge_this_machine(args, terminal)
    from ec2rl.commands.remediate import changes_told

    with changes_told(terminal):
        return _judge_this_machine(args, terminal)


def _judge_this_machine(args: Parsed, terminal: Terminal) -> int:
    started, clock = time.time(), time.monotonic()
    write = format_of(args).write
    fails = failing(args)
    plan = plan_of(args, started)
    modules = choose(args)
    check_alone(args, modules)
    alone = told(args, modules, LiveHost())
    view = view_of(args, terminal, modules)
    recording = open_record(args, terminal)
    folder, unsaved = open_folder(args, terminal, started)
    if not modules:
        terminal.say(f"no module is of all these kinds; see: {to_type('list', root=False)}")
    runner = Runner(modules, LiveHost(), plan)
    runner.start()
    make_room(args, terminal, folder)

    # While they look: import what is needed to tell of it.
    from ec2rl.report.text import results, statistics

    if write is None and not args.has("quiet"):
        names = [module.name for module in modules]
        terminal.out(opening(folder, names, terminal.width, alone))
    import ec2rl.report.formats.json
    import ec2rl.report.json_report  # noqa: F401

    found, interrupted = runner.finish(lambda *waiting: progress(terminal, *waiting))
    if args.has("remediate") and not interrupted:
        from ec2rl.commands.remediate import remediate

        found, interrupted = remediate(found, plan, args, terminal)
    pairs = [(result.module.name, result.finding) for result in found]
    took = time.monotonic() - clock
    text = results(pairs) + "\n" + statistics(pairs, took)
    document = document_of(found, started, took, folder, interrupted)
    if folder is not None:
        unsaved = save(folder, rights_to_save(args, terminal), [found], text, document)
    if recording is not None:
        unsaved = record_looks(recording, found, plan.options, args.has("mask")) or unsaved
    if write is None:
        ending = "" if args.has("quiet") else "\n" + statistics(pairs, took)
        terminal.out(results(pairs, view) + ending)
    else:
        terminal.out(write(document))
    tell_unsettled(terminal)
    if plan.debug:
        tell_faults(found, terminal)
    if interrupted:
        terminal.say("interrupted: what was not finished is UNKNOWN")
        return 130
    if unsaved:
        terminal.say(f"results not saved: {unsaved}")
    return exit_status(found, fails, bool(unsaved), args.has("exit-zero"))
