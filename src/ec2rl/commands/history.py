"""`ec2rl history`: the changes that this program has made here."""

from __future__ import annotations

import time

from ec2rl.arguments import Parsed
from ec2rl.commands.changed import machine_of
from ec2rl.fix.change import FileItem, SysctlItem
from ec2rl.fix.errors import FixError
from ec2rl.fix.transaction import history
from ec2rl.report.escape import one_line
from ec2rl.terminal import Terminal


def command(said: Parsed, terminal: Terminal) -> int:
    """0 told; 1 the records cannot be read or trusted."""
    try:
        changes = history(machine=machine_of(said.last("root")))
    except FixError as error:
        terminal.say(str(error))
        return 1
    if said.has("json"):
        import json

        terminal.out(
            json.dumps(
                {
                    "schema_version": 1,
                    "changes": [
                        {
                            "id": c.id,
                            "state": c.state.value,
                            "why": c.why,
                            "time": c.time,
                            "boot": c.boot,
                            "items": [_item(item) for item in c.items],
                            "notes": list(c.notes),
                        }
                        for c in changes
                    ],
                },
                indent=2,
            )
            + "\n"
        )
        return 0
    lines = [] if changes else ["No change was made here."]
    for change in changes:
        when = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(change.time))
        lines.append(f"{change.id}  {when}  {change.state.value}  {one_line(change.why)}")
        rows = [f"{i['target']}: {i['before']} -> {i['after']}" for i in map(_item, change.items)]
        lines += [f"    {one_line(row)}" for row in rows]
        lines += [f"    {one_line(note)}" for note in change.notes]
    terminal.out("\n".join(lines) + "\n")
    return 0


def _item(item: SysctlItem | FileItem) -> dict[str, str]:
    if isinstance(item, SysctlItem):
        return {"target": item.key, "before": item.before, "after": item.after}
    before = "absent" if item.before is None else f"{len(item.before.data)} bytes"
    return {"target": item.path, "before": before, "after": f"{len(item.after.data)} bytes"}
