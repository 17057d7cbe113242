#!/usr/bin/env python3
"""From a clone to a running Homeroute with nothing but Python 3.11: no make, no pip, no root.

    python3 bootstrap.py demo [arguments of `homeroute demo`]
    python3 bootstrap.py check             format, lint, types, import rules, fast tests
    python3 bootstrap.py test [pytest's]   the same, then every test against real servers
    python3 bootstrap.py bench [which]     what things cost on this machine
    python3 bootstrap.py generate          write generated pages and dashboards anew

Guarantees: standard library only; what it installs stands in `.venv`, and is
installed again only when pyproject.toml changed. `test`, and nothing else, also
installs Debian packages where it may, starts none of their services, and says
what it does not get. Its own words go to standard error, so that
`demo --json` prints nothing but JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "homeroute-installed.json"
NEEDS = (3, 11)
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
VENV_PACKAGE = f"python{VERSION}-venv"
EXTRAS = {"demo": "server", "check": "dev", "test": "dev", "bench": "dev", "generate": "dev"}
POLICY = Path("/usr/sbin/policy-rc.d")

PACKAGES = {
    "mosquitto": "delivery through a real broker, with TLS and ACL",
    "influxdb": "the InfluxDB follower, over InfluxQL",
    "victoria-metrics": "the InfluxDB 2.x write path",
    "gpsd": "position",
    "gpsd-clients": "the simulators' gpsd",
    "dnsmasq-base": "activity and filter hits from dnsmasq",
    "unbound": "filter hits from unbound's RPZ log",
    "hostapd": "Wi-Fi sessions",
    "wpasupplicant": "Wi-Fi sessions",
    "iproute2": "Wi-Fi sessions",
    "nftables": "the first bus's firewall",
    "freeradius-utils": "RADIUS accounting",
    "modemmanager": "the modem's signal",
    "dbus-daemon": "the modem's signal",
    "python3-dbusmock": "the modem's signal",
    "chromium": "the pages, in a browser",
    "chromium-driver": "the pages, in a browser",
    "faketime": "a device that boots in 1970",
    "mosquitto-clients": "the broker's health check under docker compose",
    "busybox": "health checks as the containers' own shell runs them",
    "prometheus-alertmanager": "Grafana's mute timings, checked by amtool",
}
"""Debian packages of the real servers, and what a test run without one does not see."""

UNITS = (
    "mosquitto.service",
    "influxdb.service",
    "victoria-metrics.service",
    "gpsd.socket",
    "gpsd.service",
    "unbound.service",
    "hostapd.service",
    "wpa_supplicant.service",
    "ModemManager.service",
    "prometheus-alertmanager.service",
)
"""What those packages would have systemd start, now or at the next boot."""

UNIT_OF = {"wpasupplicant": "wpa_supplicant", "modemmanager": "ModemManager"}
"""Packages whose units have another name."""

CHECKS = {
    "format": ["ruff", "format", "--check", "--quiet", "."],
    "lint": ["ruff", "check", "--quiet", "--output-format=concise", "."],
    "import rules": ["lint-imports", "--no-logo"],
    "types": ["mypy"],
    "generated pages": ["python", "docs/generate.py", "--check"],
    "dashboards": ["python", "-m", "homeroute_dashboards.grafana", "--check"],
    "alert rules": ["python", "-m", "homeroute_dashboards.grafana.alert_files", "--check"],
}


class Stop(Exception):
    """Something the person before the screen has to do; one line says what."""


def say(text: str) -> None:
    """Tell on standard error."""
    print(f"homeroute: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    """Say what begins, and how long it took."""
    say(f"{what} ...")
    began = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - began:.0f} s")


def main(argv: list[str]) -> int:
    """Do one of the commands. Returns the exit code: 2 when something is missing here."""
    if len(argv) < 1 or argv[0] not in EXTRAS:
        print((__doc__ or "").strip(), file=sys.stderr)
        return 0 if argv[:1] in (["-h"], ["--help"]) else 2
    command, arguments = argv[0], argv[1:]
    os.chdir(ROOT)
    try:
        fit_python(argv)
        if command == "test":
            install_servers()
        install(EXTRAS[command])
        return run(command, arguments)
    except Stop as reason:
        say(str(reason))
        return 2
    except KeyboardInterrupt:
        return 130


def fit_python(argv: list[str]) -> None:
    """Go on only under a fit Python; hand over to a newer one when it is on the PATH."""
    if sys.platform == "win32":
        raise Stop("on Windows run this inside WSL2 (once: `wsl --install`); not natively")
    if sys.version_info >= NEEDS:
        return
    here = ".".join(map(str, sys.version_info[:3]))
    for minor in range(NEEDS[1] + 5, NEEDS[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            say(f"python3 is {here}; going on with {newer}")
            os.execv(newer, [newer, str(ROOT / "bootstrap.py"), *argv])
    raise Stop(f"needs Python 3.11 or newer, and this is {here}")


def install(extra: str) -> None:
    """Have `.venv` hold Homeroute and one extra, as pyproject.toml stands now."""
    key_then, extras = read_stamp()
    key = wanted_key()
    if works(PYTHON):
        if key == key_then and not extras.isdisjoint({extra, "dev"}):  # dev contains server
            return
    else:
        extras = set()
        make_venv()
    wanted = "dev" if "dev" in extras | {extra} else extra
    STAMP.unlink(missing_ok=True)
    with timed(f"installing Homeroute and what its {wanted} part needs into .venv"):
        pip(["install", "--editable", f".[{wanted}]"])
    STAMP.write_text(json.dumps({"key": key, "extras": sorted(extras | {wanted})}))


def wanted_key() -> str:
    """What an installation depends on: the place, and pyproject.toml less the tools' settings."""
    import tomllib  # not in the Pythons that fit_python turns away

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [str(ROOT), project["build-system"], project["project"], project["tool"]["hatch"]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def read_stamp() -> tuple[str, set[str]]:
    """Which pyproject.toml was installed last, and which extras; nothing when none was."""
    try:
        stamp = json.loads(STAMP.read_text())
        return str(stamp["key"]), {str(extra) for extra in stamp["extras"]}
    except (OSError, ValueError, KeyError, TypeError):
        return "", set()


def works(python: Path) -> bool:
    """Whether a virtual environment's Python starts, and is new enough, with pip in it."""
    test = f"import sys, pip; sys.exit(sys.version_info < {NEEDS})"
    try:
        return (
            subprocess.run([python, "-c", test], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def make_venv() -> None:
    """Create `.venv` anew."""
    try:
        import ensurepip  # noqa: F401  Debian ships Python without it
        import venv
    except ImportError:
        raise Stop(
            f"this Python has no venv module; on Debian and Ubuntu: "
            f"sudo apt-get install {VENV_PACKAGE}"
        ) from None
    with timed(f"creating .venv with Python {VERSION}"):
        venv.create(VENV, clear=True, with_pip=True)


def pip(arguments: list[str]) -> None:
    """Run pip; show what it fetches on a terminal, keep its words in `.venv/install.log`."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    log = VENV / "install.log"
    live = sys.stderr.isatty()
    running = subprocess.Popen(
        [*command, *arguments, "--progress-bar=off"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )
    with log.open("w") as kept:
        for line in running.stdout or ():
            kept.write(line)
            if live and line.startswith(("Collecting ", "Installing ")):
                print(f"\r\033[K  {line.strip()[:76]}", end="", file=sys.stderr, flush=True)
    if live:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if running.wait():
        print("".join(log.read_text().splitlines(keepends=True)[-15:]), file=sys.stderr)
        raise Stop(f"pip failed; is the network there? All it said: {log.relative_to(ROOT)}")


def environment(*, on_path: bool = True) -> dict[str, str]:
    """The environment of programs in `.venv`: it first on the PATH, nobody else's packages."""
    mine = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    mine["VIRTUAL_ENV"] = str(VENV)
    if on_path:
        mine["PATH"] = os.pathsep.join((str(VENV / "bin"), mine.get("PATH", os.defpath)))
    return mine


def run(command: str, arguments: list[str]) -> int:
    """Run one command in `.venv`."""
    if command == "demo":
        program = str(VENV / "bin" / "homeroute")
        # The user's own PATH: what the demo says to type must work in a second terminal.
        os.execve(program, [program, "demo", *arguments], environment(on_path=False))
    if command == "generate":
        made = [
            call("python", "docs/generate.py", *arguments),
            call("python", "-m", "homeroute_dashboards.grafana", *arguments),
            call("python", "-m", "homeroute_dashboards.grafana.alert_files", *arguments),
        ]
        return max(made)
    if command == "bench":
        return bench(arguments)
    fast = ["-m", "not slow and not real"] if command == "check" else []
    with timed("checks: " + ", ".join(CHECKS)):
        broken = run_checks()
    if broken:
        say(f"failed: {', '.join(broken)}; the tests wait until that is mended")
        return 1
    # Three on two cores: most tests wait for something. The order is that of tests/conftest.py.
    spread = ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"]
    return call("pytest", "-q", *spread, *fast, *arguments)


def call(program: str, *arguments: str) -> int:
    """Run a program of `.venv` before the person's eyes. Returns its exit code."""
    command = [str(VENV / "bin" / program), *arguments]
    return subprocess.run(command, env=environment(), check=False).returncode


def bench(arguments: list[str]) -> int:
    """Run one benchmark, with what follows its name, or all of them."""
    known = {script.stem: script for script in sorted((ROOT / "benchmarks").glob("*.py"))}
    if arguments and arguments[0] not in known:
        raise Stop(f"no benchmark {arguments[0]!r}; there are {', '.join(known)}")
    chosen = [known[arguments[0]]] if arguments else list(known.values())
    return max(call("python", str(script), *arguments[1:]) for script in chosen)


def run_checks() -> list[str]:
    """Run every check side by side; show what the failing ones say. Returns their names."""
    running = {
        name: subprocess.Popen(
            [VENV / "bin" / program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
        )
        for name, (program, *arguments) in CHECKS.items()
    }
    broken = []
    for name, check in running.items():
        output, _ = check.communicate()
        if check.returncode:
            broken.append(name)
            print(f"--- {name}\n{output}", flush=True)
    return broken


def install_servers() -> None:
    """Install the real servers that tests need, where that is allowed; say what stays missing."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-query")):
        say(
            "no Debian here: tests skip each real server that is not on the PATH, and say which "
            f"({', '.join(sorted(set(PACKAGES.values())))}); to get them all, run "
            "`make test` on Debian 12 or Ubuntu, for example in a container"
        )
        return
    missing = [name for name in PACKAGES if not has_package(name)]
    if not has_venv():
        missing.append(VENV_PACKAGE)
    if not missing:
        return
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if root and not (shutil.which("sudo") and quiet([*root, "true"])):
        say(f"not root and no passwordless sudo: tests that need {', '.join(missing)} are skipped")
        say(f"to get them: sudo apt-get install --no-install-recommends {' '.join(missing)}")
        return
    with timed(f"installing real servers: {' '.join(missing)}"), no_services(root):
        apt(root, ["update"])
        if not apt(root, ["install", *missing]):
            for name in missing:  # one that this release lacks must not cost the others
                apt(root, ["install", name])
    for name in (n for n in missing if n in PACKAGES and not has_package(n)):
        say(f"{name} is not to be had here; tests of {PACKAGES[name]} will miss it")
    stop_at_boot(root, missing)


def has_package(name: str) -> bool:
    """Whether a Debian package is installed."""
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", name]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.stdout.strip() == "installed"


def has_venv() -> bool:
    """Whether a virtual environment is there or can be made."""
    return works(PYTHON) or quiet([sys.executable, "-c", "import ensurepip, venv"])


def quiet(command: list[str]) -> bool:
    """Run without a word. Whether it succeeded."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def apt(root: list[str], arguments: list[str]) -> bool:
    """Run apt-get; show its last words when it fails. Whether it succeeded."""
    options = ["-qq", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"]
    command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *options, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"apt-get {' '.join(arguments)} failed: {done.stderr.strip()[-400:]}")
    return done.returncode == 0


@contextlib.contextmanager
def no_services(root: list[str]) -> Iterator[None]:
    """Forbid packages to start their services, by Debian's policy-rc.d; take it away after."""
    if POLICY.exists():
        yield
        return
    script = f"printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}"
    quiet([*root, "sh", "-c", script])
    try:
        yield
    finally:
        quiet([*root, "rm", "-f", str(POLICY)])


def stop_at_boot(root: list[str], installed: list[str]) -> None:
    """Keep what was just installed from starting at the next boot."""
    if not (shutil.which("systemctl") and Path("/run/systemd/system").is_dir()):
        return
    stems = tuple(UNIT_OF.get(name, name) for name in installed)
    units = [unit for unit in UNITS if unit.split(".")[0] in stems]
    if units and quiet([*root, "systemctl", "disable", "--quiet", *units]):
        say(f"these stay off at boot, for they are here for tests only: {', '.join(units)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
