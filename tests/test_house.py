"""The house rules that no other tool checks."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap
from tests import servers

ROOT = Path(__file__).resolve().parent.parent
COMPONENTS = ("wire", "agent", "collector", "analytics", "dashboards", "simulators", "homeroute")
LINES_BOUND = 400

# Written in pieces, so that this file does not find itself.
PLANTED = [
    "/" + "work/",
    "/" + "farm/",
    "/" + r"home/(?!homeroute\b)\w",  # but for the user of our own container
    "/" + r"Users/\w",
    r"\." + "library",
    "TO" + "DO",
    "FIX" + "ME",
    "X" + "XX",
    "NotImplemented" + "Error",
    "index-" + "url",
    "trusted-" + "host",
    "^<<<<" + "<<< ",
    "^>>>>" + ">>> ",
]
"""No machine's own path, no registry of one's own, nothing left for later or of a merge."""


def _files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("no git checkout here: an sdist has no history to ask")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_python_file_is_longer_than_400_lines() -> None:
    lengths = {p: len(_text(p).splitlines()) for p in _files() if p.suffix == ".py"}
    long = [f"{p.relative_to(ROOT)}: {n}" for p, n in lengths.items() if n > LINES_BOUND]
    assert long == []


def test_no_file_names_a_machine_s_own_path_or_leaves_something_for_later() -> None:
    words = re.compile("|".join(PLANTED))
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in _files()
        if not {"captures", "rigs"} & set(path.relative_to(ROOT).parts)
        for number, line in enumerate(_text(path).splitlines(), 1)
        if words.search(line)
    ]
    assert found == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for component in COMPONENTS
        for path in (ROOT / component).rglob("*.py")
        if ast.get_docstring(ast.parse(_text(path))) is None
    ]
    assert silent == []


def test_no_module_has_a_name_that_could_hold_anything() -> None:
    vague = re.compile(r"(^|_)(manager|handler|helper|helpers|util|utils|info|process|misc)(_|$)")
    names = [p for c in COMPONENTS for p in (ROOT / c).rglob("*.py") if vague.search(p.stem)]
    assert names == []


def test_the_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_link_between_documents_leads_somewhere() -> None:
    pages = [p for p in _files() if p.suffix == ".md" and "captures" not in p.parts]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", _text(page))
        if "://" not in target and not target.startswith("mailto:")
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_bootstrap_installs_the_packages_that_the_tests_ask_for() -> None:
    asked = {name for names in servers.PACKAGES.values() for name in names}
    assert asked == set(bootstrap.PACKAGES)
