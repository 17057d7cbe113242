"""`homeroute enroll`: let one device join, list those that may, or withdraw one.

Works beside a running `homeroute up`, which takes the change up within a second
and disconnects nobody else.
"""

from __future__ import annotations

import argparse
import datetime as dt
import ipaddress
import socket
from dataclasses import replace
from pathlib import Path

from homeroute_collector.broker import (
    CertificateError,
    CredentialError,
    Credentials,
    Site,
    SiteError,
    site,
)
from homeroute_collector.broker.certificates import ensure_authority
from homeroute_collector.broker.credentials import KINDS, valid_device
from homeroute_collector.broker.private_files import locked
from homeroute_command.bundle import SUFFIX, Membership, write_bundle
from homeroute_command.failure import Failure

DEFAULT_DATA = Path("~/.local/share/homeroute")
_KNOCK_S = 1.0
AGENT_FOLDER = "/etc/homeroute"
"""Where the agent looks for its configuration."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "enroll",
        help="make one device's credential and the bundle that configures it",
        description="Give a device a password of its own and write one bundle with all it needs.",
    )
    parser.add_argument("device", nargs="?", metavar="DEVICE", help="its id, like bus-07")
    parser.add_argument("--kind", choices=KINDS, default="bus", help="default: bus")
    parser.add_argument(
        "--address",
        metavar="HOST[:PORT]",
        help="this machine as devices reach it: a public name or address; remembered",
    )
    parser.add_argument("--district", metavar="ID", help="the district's id; remembered")
    parser.add_argument(
        "--data", type=Path, default=DEFAULT_DATA, metavar="DIR", help=f"default: {DEFAULT_DATA}"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=f"the bundle; default: DEVICE{SUFFIX} here"
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="new password for a device enrolled before; the old one stops working",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--list", action="store_true", help="show who is enrolled")
    instead.add_argument("--revoke", metavar="DEVICE", help="withdraw a device's password")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; raises :class:`Failure`."""
    data: Path = args.data.expanduser()
    try:
        if args.list:
            return _list(data)
        if args.revoke:
            return _revoke(data, args.revoke)
        if not args.device:
            raise Failure("which device? give its id, like `homeroute enroll bus-07`", exit_code=2)
        return _enroll(data, args)
    except (CredentialError, SiteError) as error:
        raise Failure(str(error), exit_code=2) from None
    except CertificateError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        verb = "read" if args.list else "write"
        raise Failure(f"{verb} {error.filename or data}: {error.strerror}") from None


def _enroll(data: Path, args: argparse.Namespace) -> int:
    device = valid_device(args.device)
    out: Path = args.out or Path(f"{device}{SUFFIX}")
    if not out.parent.is_dir():
        raise Failure(f"--out {out}: no such folder {out.parent}", exit_code=2)
    credentials = Credentials(data)
    where, guessed = _where(data, args, enrolled=bool(credentials.list()))
    assert where.district is not None
    assert where.host is not None
    authority = ensure_authority(data, where.district)
    password = credentials.add(device, kind=args.kind, replace=args.replace)
    site.remember(data, where)
    membership = Membership(where.district, device, args.kind, where.host, where.port)
    try:
        write_bundle(out, membership, password, authority.certificate.read_bytes())
    except OSError as error:
        raise Failure(
            f"write {out}: {error.strerror}; mend that and enrol {device} again with --replace"
        ) from None
    print(_told(membership, out, guessed=guessed))
    return 0


def _where(data: Path, args: argparse.Namespace, *, enrolled: bool) -> tuple[Site, bool]:
    """The district and the address, asked or remembered; whether the address is a guess."""
    known = site.recall(data)
    named = known.district if enrolled or known.district != site.DEFAULT_DISTRICT else None
    district = args.district or named
    if district is None:
        raise Failure(
            f"which district? {data} remembers none; add --district ID once, like springfield, "
            "the same as for `homeroute up`",
            exit_code=2,
        )
    if enrolled and known.district not in (None, district):
        raise Failure(
            f"{data} has devices of district {known.district!r}, not {district!r}; "
            "give another district a --data of its own",
            exit_code=2,
        )
    if known.district not in (None, district) and _is_running(data):
        raise Failure(
            f"`homeroute up` runs on {data} as district {known.district!r}; start it again with "
            f"--district {district} first",
            exit_code=2,
        )
    wanted = replace(known, district=district)
    if args.address:
        host, port = site.parse_address(args.address)
        return replace(wanted, host=host, port=port), False
    if known.host is not None:
        return wanted, False
    guess = own_address()
    if guess is None:
        raise Failure(
            "at which address do devices reach this machine? add --address HOST", exit_code=2
        )
    if not _listens(guess, wanted.port):
        raise Failure(
            f"at which address do devices reach this machine? add --address HOST (a guess would "
            f"be {guess}, but nothing listens there on port {wanted.port}; is "
            "`homeroute up --listen` running?)",
            exit_code=2,
        )
    return replace(wanted, host=guess), True


def own_address() -> str | None:
    """This machine's address towards the internet; None without a network. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # documentation address: a route is looked up, no more
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if ipaddress.ip_address(address).is_loopback else address


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=_KNOCK_S).close()
    except OSError:
        return False
    return True


def _is_running(data: Path) -> bool:
    """Whether a `homeroute up` holds this data directory."""
    lock = data / "broker" / "run.lock"
    if not lock.exists():
        return False
    try:
        with locked(lock, wait=False):
            return False
    except BlockingIOError:
        return True


def _told(membership: Membership, out: Path, *, guessed: bool) -> str:
    lines = [
        f"{membership.device} is enrolled in {membership.district}.",
        f"It will connect to {membership.host} port {membership.port} (MQTT over TLS).",
        f"Bundle: {out}  (holds the password: treat it as a key)",
    ]
    if guessed:
        lines.append(
            f"{membership.host} is a guess, this machine's own address: if devices reach it by "
            "another, enrol again with --replace --address HOST."
        )
    elif _loopback(membership.host):
        lines.append(
            f"{membership.host} is every machine's name for itself: no bus reaches this machine "
            "by it. Good for a trial on this machine only; else enrol again with --replace "
            "--address HOST."
        )
    elif _private(membership.host):
        lines.append(
            f"{membership.host} is a private address: a bus on a mobile network reaches it only "
            "through a VPN, or a forwarded port under a public --address."
        )
    lines += [
        "",
        f"Copy it to the device, as in `scp {out} USER@DEVICE:`, then type there:",
        f"  sudo mkdir -p {AGENT_FOLDER} && sudo tar -xzf {out.name} -C {AGENT_FOLDER}",
        f"  sudo homeroute-agent probe --config {AGENT_FOLDER}/agent.toml",
        "  sudo systemctl enable --now homeroute-agent",
    ]
    return "\n".join(lines)


def _loopback(host: str) -> bool:
    if site.is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _private(host: str) -> bool:
    return site.is_address(host) and ipaddress.ip_address(host).is_private


def _list(data: Path) -> int:
    devices = Credentials(data).list()
    for device in devices:
        when = dt.datetime.fromtimestamp(device.created_ms / 1000).astimezone()
        print(f"{device.name:<24} {device.kind:<8} since {when:%Y-%m-%d %H:%M %Z}")
    if not devices:
        print(f"nobody is enrolled in {data}; begin with `homeroute enroll bus-01`")
    return 0


def _revoke(data: Path, device: str) -> int:
    Credentials(data).remove(device)
    print(f"{device} may no longer connect. What it sent is kept.")
    return 0
