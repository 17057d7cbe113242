"""A Dockerfile's steps as plain commands in a folder: there is no Docker here.

Each stage has a folder of its own for its root. Absolute paths that steps write to are
mapped below it; making accounts is noted rather than done; the rest is done as it stands.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

INSTRUCTIONS = {"FROM", "WORKDIR", "RUN", "COPY", "USER", "ENV", "EXPOSE", "ENTRYPOINT", "CMD"}
MAPPED = re.compile(r"(?<![\w/.])/(?=(?:opt|var)\b)")

SHIMS = {
    "useradd": 'echo "useradd $*" >>"$NOTED"\n',
    "install": 'echo "install $*" >>"$NOTED"\nwhile [ $# -gt 0 ]; do case $1 in'
    ' -o|-g) shift 2;; *) args="${args-} $1"; shift;; esac; done\nexec /usr/bin/install $args\n',
}


@dataclass
class Stage:
    """One FROM: its folder, its instructions."""

    name: str
    base: str
    root: Path
    steps: list[tuple[str, str]] = field(default_factory=list)
    directory: str = "/"

    def at(self, path: str) -> Path:
        """Where a path of the image stands here."""
        absolute = path if path.startswith("/") else f"{self.directory.rstrip('/')}/{path}"
        return self.root / absolute.lstrip("/")


def stages(dockerfile: Path, scratch: Path) -> list[Stage]:
    """Its stages, nothing done yet."""
    text = re.sub(r"\\\n", " ", dockerfile.read_text("utf-8"))
    found: list[Stage] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        assert word in INSTRUCTIONS, line
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(name or "last", base, scratch / (name or "last")))
        else:
            found[-1].steps.append((word, rest.strip()))
    return found


def carry_out(stage: Stage, others: list[Stage], context: Path, noted: Path) -> dict[str, str]:
    """Do its steps; the environment that ENV leaves."""
    environment = _environment(stage.root.parent, noted)
    stage.root.mkdir(parents=True)
    left: dict[str, str] = {}
    for word, rest in stage.steps:
        if word == "WORKDIR":
            stage.directory = rest
            stage.at(".").mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            _copy(stage, others, context, rest)
        elif word == "ENV":
            left |= dict(pair.split("=", 1) for pair in rest.split())
        elif word == "RUN":
            # A cache is of no use in an image, and much of it here.
            command = MAPPED.sub(f"{stage.root}/", rest).replace("--no-cache-dir ", "")
            done = subprocess.run(
                ["/bin/sh", "-ec", command], cwd=stage.at("."), env=environment,
                capture_output=True, text=True, check=False, timeout=600,
            )  # fmt: skip
            assert done.returncode == 0, f"RUN {rest}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return left


def _environment(scratch: Path, noted: Path) -> dict[str, str]:
    shims = scratch / "shims"
    shims.mkdir(exist_ok=True)
    for name, script in SHIMS.items():
        (shims / name).write_text(f"#!/bin/sh\n{script}")
        (shims / name).chmod(0o755)
    (shims / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (shims / "python").chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_")) or k == "HOME"}
    return kept | {
        "PATH": f"{shims}:/usr/bin:/bin",
        "NOTED": str(noted),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_COMPILE": "1",
    }


def _copy(stage: Stage, others: list[Stage], context: Path, rest: str) -> None:
    words = rest.split()
    copied: Callable[[str, str], object] = shutil.copy2
    if words[0].startswith("--from="):
        name = words.pop(0).removeprefix("--from=")
        context = next(one.root for one in others if one.name == name)
        copied = os.link  # an environment is large, and nobody writes to it any more
    *sources, target = words
    for source in sources:
        found = context / source.lstrip("/")
        assert found.exists(), f"COPY {rest}: no {source}"
        into = stage.at(target)
        if found.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(
                found, into, symlinks=True, dirs_exist_ok=True, ignore=ignored, copy_function=copied
            )
        else:
            place = into / found.name if target.endswith("/") else into
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, place)
