"""`homeroute up`: broker, collector, archive and pages on one machine.

Everything listens on the loopback, except MQTT over TLS, and that only with
``--listen``.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from homeroute_analytics import tables
from homeroute_collector.archive_records import ArchiveError
from homeroute_collector.broker import (
    BrokerError,
    CertificateError,
    CredentialError,
    Credentials,
    Listen,
    SiteError,
    site,
)
from homeroute_collector.collector import Collector
from homeroute_collector.config import CollectorConfig, ConfigError
from homeroute_collector.service import CannotStart, serve
from homeroute_command import changing, keep_published, rolling, routes_explain
from homeroute_command.called import called
from homeroute_command.configured import DEFAULT_DATA, configuration
from homeroute_command.failure import Failure
from homeroute_command.followed import AGGREGATES
from homeroute_command.keep_schedule import keep_schedule
from homeroute_dashboards import pages
from homeroute_dashboards.pages.ribbon_answers import Planted
from homeroute_dashboards.reports import mounting as reports

DESCRIPTION = """\
Run everything on this machine: a broker, the collector, the archive and the
pages. Nothing listens beyond this machine unless you say --listen, which opens
MQTT over TLS for enrolled devices. Ctrl-C stops it; nothing is lost.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("up", help="run everything", description=DESCRIPTION)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="settings (docs/collector-configuration.md)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help=f"where data is kept; default: {DEFAULT_DATA}"
    )
    parser.add_argument("--district", metavar="ID", help="id of the district; remembered in --data")
    parser.add_argument(
        "--timezone",
        metavar="ZONE",
        help="the district's, like America/Denver: whose days and hours are told; remembered in "
        "--data; default: this machine's",
    )
    parser.add_argument("--port", type=int, metavar="N", help="of the pages; default: 8080")
    parser.add_argument(
        "--listen",
        nargs="?",
        const="0.0.0.0",  # noqa: S104 - the one door that is meant to be open, and only if asked
        metavar="ADDRESS",
        help="open MQTT over TLS on port 8883, on every address or on this one",
    )
    parser.add_argument(
        "--broker-port",
        type=int,
        default=1883,
        metavar="N",
        help="of the embedded broker, on this machine only; default: 1883; 0: any free one",
    )
    parser.add_argument("--verbose", action="store_true", help="say more on stderr")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted; raises :class:`Failure`."""
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    try:
        config = configuration(args)
        listen = Listen(args.listen) if args.listen else None
        if listen and config.broker:
            raise Failure(
                "--listen opens the embedded broker, but the configuration names another in "
                "[broker]; leave one out",
                exit_code=2,
            )
        asyncio.run(_serve(config, listen, args.broker_port, args.timezone))
    except (ConfigError, CannotStart, BrokerError, ArchiveError, SiteError) as error:
        raise Failure(str(error), exit_code=2) from None
    except (CredentialError, CertificateError) as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"{error.filename or 'start'}: {error.strerror or error}") from None
    return 0


def mount_pages(
    app: web.Application, collector: Collector, *, planted: Planted | None = None
) -> None:
    """Put the built-in pages and the reports onto the collector's application.

    ``planted``: a simulated district's truth.
    """
    config = collector.config
    ladder, limits = rolling.ladder_of(config), rolling.limits_of(config)
    pages.mount(
        app,
        collector.archive,
        district=config.district,
        timezone=collector.timezone,
        known=lambda device: device in collector.presence.devices,
        timezone_assumed=collector.timezone_assumed,
        simulated=config.simulated,
        ladder=ladder,
        limits=limits,
        bars=config.signal.bars,
        planted=planted,
        now_ms=collector.clock.now_ms,
    )
    reports.mount(
        app,
        collector.archive,
        district=config.district,
        timezone=collector.timezone,
        timezone_assumed=collector.timezone_assumed,
        simulated=config.simulated,
        ladder=ladder,
        limits=limits,
        now_ms=collector.clock.now_ms,
    )


def _enrolling(data: Path) -> str:
    """What to type to enrol a device here."""
    here = "" if data == DEFAULT_DATA.expanduser() else f" --data {shlex.quote(str(data))}"
    return f"{called()} enroll DEVICE{here}"


async def _serve(
    config: CollectorConfig, listen: Listen | None, broker_port: int, timezone: str | None
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    def started(collector: Collector, url: str) -> None:
        print(f"homeroute: district {config.district}, pages at {url}", file=sys.stderr)
        if timezone:
            # Only now: the folder is ours alone. Commands that open it later need it, too.
            site.remember(config.data_dir, replace(site.recall(config.data_dir), timezone=timezone))
        if config.timezone is None:
            print(
                f"homeroute: nobody has named the district's time zone, so days and hours are "
                f"this machine's, {collector.timezone}; --timezone ZONE names it, once",
                file=sys.stderr,
            )
        if config.district == site.DEFAULT_DISTRICT and not Credentials(config.data_dir).list():
            print(
                f"homeroute: nobody has named this district yet, so it is "
                f"{config.district!r}; start again with --district ID to name it, before the "
                "first device is enrolled",
                file=sys.stderr,
            )
        if listen:
            print(
                f"homeroute: devices connect to port {listen.port} (MQTT over TLS); "
                f"let one join with `{_enrolling(config.data_dir)}`",
                file=sys.stderr,
            )

    await serve(
        config,
        started=started,
        stop=stop,
        mount=[
            mount_pages,
            changing.mount,
            rolling.mount,
            keep_published.mount,
            routes_explain.mount,
        ],
        extra_ddl=tables.DDL,
        jobs={
            "schedule": keep_schedule,
            "rollups": rolling.keep_rolling,
            "publication": keep_published.keep_published,
        },
        seal=rolling.seal,
        aggregates=AGGREGATES,
        listen=listen,
        broker_port=broker_port,
    )
