"""How to call this very program again, as the user would type it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

NAME = "homeroute"


def called() -> str:
    """``homeroute`` where that is this program, else the path it was started by."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return f"{_typed(Path(sys.executable))} -m homeroute_command"
    if program.name != NAME:
        return NAME  # called from within another program
    on_path = shutil.which(NAME)
    # Not resolved through links: those may be the same file and another environment.
    if on_path and Path(on_path).absolute() == program.absolute():
        return NAME
    return _typed(program)


def _typed(program: Path) -> str:
    """Short where it lies below the working directory."""
    absolute = Path(os.path.abspath(program))  # noqa: PTH100 - resolve() would follow links
    if absolute.is_relative_to(Path.cwd()):
        return str(absolute.relative_to(Path.cwd()))
    return str(absolute)
