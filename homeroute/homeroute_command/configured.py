"""The collector's settings as a command line gives them: file, folder, and words over both."""

from __future__ import annotations

import argparse
from pathlib import Path

from homeroute_collector.broker import site
from homeroute_collector.config import CollectorConfig, load, parse

DEFAULT_DATA = Path("~/.local/share/homeroute")
SETTINGS_NAME = "collector.toml"


def configuration(args: argparse.Namespace) -> CollectorConfig:
    """The settings file, if any, with what the command line says put over it.

    Without one, the file of that name in the data folder: how a simulated district's says
    that it is. Raises ConfigError, SiteError.
    """
    data: Path = (args.data or DEFAULT_DATA).expanduser()
    zone: str | None = getattr(args, "timezone", None)
    if args.config is not None:
        config = load(args.config)
        data = data if args.data else config.data_dir
        district = args.district or config.district
    elif (data / SETTINGS_NAME).is_file():
        # The folder may have been moved: it is the one that was named, whatever the file says.
        config = load(data / SETTINGS_NAME)
        district = args.district or config.district
    else:
        district = args.district or site.recall(data).district or site.DEFAULT_DISTRICT
        document = {"district": district, "data_dir": str(data)}
        config = parse(document, file="command line", folder=Path())
    changes: dict[str, object] = {"data_dir": data, "district": district}
    # The one that is typed, else the settings file's, else the remembered one.
    changes["timezone"] = zone or config.timezone or site.recall(data).timezone
    if args.port is not None:
        changes["http"] = config.http.model_copy(update={"port": args.port})
    # model_copy does not validate; a round trip does.
    changed = config.model_copy(update=changes).model_dump(exclude_none=True)
    return parse(changed, file="command line", folder=Path())
