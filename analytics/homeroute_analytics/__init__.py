"""What the numbers mean: legs, and coverage by route and time.

Guarantees: definitions are those the connectivity page explains beside its numbers,
every share comes with its denominator, and silence is never counted as good.
Reads only the archive, through a function that runs a query.

Does not: know MQTT, InfluxDB or HTTP, or write anything but legs.
"""
