"""A table for each cause of trouble, and one without any: rows that a kernel takes as well."""

from __future__ import annotations

from collections.abc import Mapping

from ec2rl.conntrack.table.timeouts import DEFAULTS
from support.fill import (
    BOTH_WAYS,
    CLOSE_WAIT,
    ESTABLISHED,
    SYN_SENT,
    TIME_WAIT,
    Row,
    mixture,
    sources,
)

KUBE_PROXY = {**DEFAULTS, "tcp_timeout_close_wait": 3600}
LOWERED = {**DEFAULTS, "tcp_timeout_established": 86400}
COUNT = 2000

FLOOD = [Row(source, "192.0.2.1", 5000, 443, 6, SYN_SENT) for source in sources(COUNT)]
SCAN = [Row("198.18.0.1", f"203.0.113.{i % 250}", 40000, 1 + i, 6, SYN_SENT) for i in range(COUNT)]
POOL = [
    Row("10.0.9.31", "10.0.4.17", 1024 + i, 443, 6, ESTABLISHED, BOTH_WAYS, 432000 - 400 - 50 * i)
    for i in range(COUNT)
]
BUSY = [  # many connections of one client too, and none of them idle
    Row("10.0.9.31", "10.0.4.17", 1024 + i, 443, 6, ESTABLISHED, BOTH_WAYS, 431990)
    for i in range(COUNT)
]
DNS = [Row(source, "192.0.2.53", 5353, 53, 17, 0, 2, 25) for source in sources(COUNT)]
GAME = [Row(source, "192.0.2.9", 5353, 27015, 17, 0, 0, 25) for source in sources(COUNT)]
SHORT = [
    Row(source, "192.0.2.1", 5000, 80, 6, TIME_WAIT, BOTH_WAYS, 100) for source in sources(COUNT)
]
WAITING = [
    Row(source, "192.0.2.1", 5000, 443, 6, CLOSE_WAIT, BOTH_WAYS, 3000) for source in sources(COUNT)
]
LOOPBACK = [
    Row("127.0.0.1", "127.0.0.1", 1024 + i, 8080, 6, ESTABLISHED, BOTH_WAYS, 431990)
    for i in range(COUNT)
]
EVERYDAY = list(mixture(COUNT))
OLD = [
    Row(source, "192.0.2.1", 5000, 443, 6, ESTABLISHED, BOTH_WAYS, 400000)
    for source in sources(COUNT)
]

LEFT_OPEN = [  # of many clients, and half of them silent for days
    Row(source, "192.0.2.1", 5000, 443, 6, ESTABLISHED, BOTH_WAYS, 431990 - number % 2 * 200000)
    for number, source in enumerate(sources(COUNT))
]
LEFT_BY_TWO = [
    Row(
        f"10.0.9.{3 + i % 4}", "10.0.4.17", 1024 + i, 443, 6, ESTABLISHED, BOTH_WAYS, 432000 - 9 * i
    )
    for i in range(COUNT)
]

TABLES: dict[str, tuple[list[Row], Mapping[str, int]]] = {
    "half-open": (FLOOD, DEFAULTS),
    "scan": (SCAN, DEFAULTS),
    "hoarding client": (POOL, DEFAULTS),
    "idle connections": (LEFT_OPEN, DEFAULTS),
    "DNS churn": (DNS, DEFAULTS),
    "UDP churn": (GAME, DEFAULTS),
    "TIME_WAIT storm": (SHORT, DEFAULTS),
    "CLOSE_WAIT kept long": (WAITING, KUBE_PROXY),
    "tracked without need": (LOOPBACK, DEFAULTS),
    "older than the settings": (OLD, LOWERED),
    "": (BUSY, DEFAULTS),
}
