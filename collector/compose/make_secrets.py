"""Makes the secrets docker compose mounts, each of 256 random bits: once, never anew.

    python3 collector/compose/make_secrets.py          # into secrets/

Standard library only. Containers of other users read the files through their
mounts, so the files are readable; on this machine the folder is for its owner.
"""

# ruff: noqa: INP001 - a script beside the recipe, not a package
from __future__ import annotations

import secrets
import sys
from pathlib import Path

NAMES = ("influxdb_password", "influxdb_token", "grafana_password", "smtp_password")
"""The mail server's password is its owner's to write over."""


def make(folder: Path) -> list[Path]:
    """Make what is missing; the files made."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    missing = [folder / name for name in NAMES if not (folder / name).exists()]
    for path in missing:
        path.touch(mode=0o644)
        path.write_text(secrets.token_urlsafe(32), encoding="ascii")
    return missing


if __name__ == "__main__":
    for made in make(Path(sys.argv[1] if len(sys.argv) > 1 else "secrets")):
        print(made)
