"""A district without hardware: roads, riders, radio, and the interfaces gateways really have.

Guarantees: whatever stands above the device interfaces (control sockets, gpsd,
log files, counters, the way to the broker) is the real agent, unmodified; the
same seed founds the same district. Every name is made up.

Does not: know what the collector or the pages make of it.
"""
