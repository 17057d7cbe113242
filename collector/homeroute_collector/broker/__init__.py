"""The embedded broker: MQTT for a district on one machine, with nothing to install.

Guarantees: every client has a name and a random password, touches only its own
topics, and the broker never outlives the program that started it. It listens on
this machine's loopback alone, unless asked for MQTT over TLS.

Does not: keep messages over a restart. Delivery is the spool's and the
archive's business (the broker may forget everything).
"""

from homeroute_collector.broker.certificates import CertificateError
from homeroute_collector.broker.credentials import Account, CredentialError, Credentials
from homeroute_collector.broker.embedded import EmbeddedBroker, Endpoint, Listen
from homeroute_collector.broker.program import BrokerError
from homeroute_collector.broker.site import Site, SiteError

__all__ = [
    "Account",
    "BrokerError",
    "CertificateError",
    "CredentialError",
    "Credentials",
    "EmbeddedBroker",
    "Endpoint",
    "Listen",
    "Site",
    "SiteError",
]
