"""On the bus: samplers, sessions, spool and sender. Needs paho-mqtt and nothing else."""
