"""The sizes with which the table comes up: from the module's parameter, else from the memory."""

from __future__ import annotations

from ec2rl.conntrack.defaults import (
    PAGE,
    Rule,
    Sizes,
    default_sizes,
    hashsize_sizes,
    page_size,
    rule,
)
from ec2rl.facts.modprobe_conf import kernel_uint
from ec2rl.facts.proc import MEMORY, parse_fields
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.next_boot.module import Module
from ec2rl.quantities import size
from ec2rl.record import record


@record(frozen=True)
class Start:
    """The sizes that the table has before any sysctl file: None where that is not known."""

    sizes: Sizes | None
    because: str
    evidence: Evidence | None
    page: int | None


def start(host: Host, release: str | None, module: Module) -> Start:
    """Give the sizes with which the module comes up."""
    meminfo = host.read(MEMORY)
    page = page_size(meminfo.text) if isinstance(meminfo, Evidence) else None
    if module.unread:
        what = "; ".join(str(item) for item in module.unread)
        return Start(None, f"a hashsize option may stand in what was not read: {what}", None, page)
    for parameter in reversed(module.given):
        if parameter.name == "hashsize":
            value = kernel_uint(parameter.value)
            if value is None:
                why = f"{parameter.value!r} is no hashsize: the module refuses to load"
                return Start(None, why, parameter.given, page)
            if value == 0:
                break
            because = "hashsize: max is 8 x buckets"
            return Start(hashsize_sizes(value, page or PAGE), because, parameter.given, page)
    if isinstance(meminfo, Unreadable):
        return Start(None, f"the memory is not known: {meminfo}", None, page)
    statistics = host.read("/proc/net/stat/nf_conntrack")
    found = rule(release, statistics.text if isinstance(statistics, Evidence) else None)
    memory = parse_fields(meminfo.text).get("MemTotal")
    if found is None or memory is None:
        return Start(None, "the default of this kernel is not known", None, page)
    sizes = default_sizes(memory, found, page or PAGE)
    told = "max = buckets" if found is Rule.X1 else "max = 4 x buckets"
    because = f"default of this kernel for {size(memory)} of memory, {told}"
    return Start(sizes, because, Evidence(MEMORY, meminfo.text.split("\n", 1)[0]), page)
