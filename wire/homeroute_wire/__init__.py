"""The contract on the air between agents and collectors.

Guarantees: standard library only; pure functions, but for one question to the
kernel (:mod:`homeroute_wire.kernel_clock`). Whatever the agent
may send, the collector may store and a dashboard may ask for is declared once,
in :mod:`homeroute_wire.measurements`.

Does not: talk MQTT, keep state, or decide what to do about a bad batch.
"""

WIRE_VERSION = "1.0"
"""Major.minor of the contract. The major stands in every topic and names the
deflate dictionary; the minor grows when measurements or fields are added."""
