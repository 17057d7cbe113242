"""Real servers for tests: each on loopback, in a folder of its own, started and stopped by pid.

Guarantees: a server is up when ``start`` returns and gone when ``stop`` or
``kill`` does; started again it has its port and its folder back. Does not:
touch a service of the machine's own, or any file outside the folder given.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where Debian keeps servers, and an ordinary user's PATH does not look."""

SYSTEM_PYTHON = "/usr/bin/python3"
"""The Python that Debian's own Python packages are for."""

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "mosquitto": ("mosquitto",),
    "influxdb": ("influxd",),
    "gpsd": ("gpsd", "gpspipe"),
    "dnsmasq": ("dnsmasq",),
    "unbound": ("unbound",),
    "hostapd": ("hostapd", "hostapd_cli", "wpa_supplicant", "ip", "unshare"),
    "nftables": ("nft", "unshare"),
    "radclient": ("radclient",),
    "mmcli": ("mmcli", "dbus-daemon", SYSTEM_PYTHON),
    "victoria-metrics": ("victoria-metrics",),
    "chromium": ("chromium", "chromedriver"),
    "faketime": ("faketime",),
    "mosquitto_sub": ("mosquitto_sub",),
    "amtool": ("amtool",),
    "busybox": ("busybox",),
}
"""The programs behind each name that ``@pytest.mark.real`` takes."""

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "mosquitto": ("mosquitto",),
    "influxdb": ("influxdb",),
    "gpsd": ("gpsd", "gpsd-clients"),
    "dnsmasq": ("dnsmasq-base",),
    "unbound": ("unbound",),
    "hostapd": ("hostapd", "wpasupplicant", "iproute2"),
    "nftables": ("nftables",),
    "radclient": ("freeradius-utils",),
    "mmcli": ("modemmanager", "dbus-daemon", "python3-dbusmock"),
    "victoria-metrics": ("victoria-metrics",),
    "chromium": ("chromium", "chromium-driver"),
    "faketime": ("faketime",),
    "mosquitto_sub": ("mosquitto-clients",),
    "amtool": ("prometheus-alertmanager",),
    "busybox": ("busybox",),
}
"""The Debian packages they come from; bootstrap.py installs the same, which a test checks."""


def absent(name: str) -> str | None:
    """Say what is missing for a real program, and how to get it; None when all is there."""
    if name not in PROGRAMS:
        raise ValueError(f"real({name!r}): want one of {', '.join(PROGRAMS)}")
    missing = [program for program in PROGRAMS[name] if find(program) is None]
    if missing:
        packages = " ".join(PACKAGES.get(name, ()))
        hint = f"; on Debian: apt-get install {packages}" if packages else ""
        return f"no {', '.join(missing)} on this machine{hint}"
    if "unshare" in PROGRAMS[name] and not may_make_namespaces():
        return "this machine lets nobody make a network namespace (unshare -Urn)"
    return None


def find(program: str) -> str | None:
    """Where a program is, looking in sbin too."""
    return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", ""), *SBIN)))


def may_make_namespaces() -> bool:
    """Whether ``unshare -Urn`` works here: containers often forbid it."""
    command = [find("unshare") or "unshare", "-Urn", "true"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def pick_port() -> int:
    """Find a loopback TCP port that nobody listens on.

    Below the kernel's ephemeral range, so that no outgoing connection takes it
    between here and the server's start.
    """
    dice = random.SystemRandom()  # Hypothesis seeds the ordinary ones, alike in every worker
    for _ in range(200):
        port = dice.randint(15_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on loopback in 200 tries")


def answers(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def responds(url: str) -> bool:
    """Whether an HTTP server on loopback answers 2xx."""
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return 200 <= int(response.status) < 300
    except OSError:
        return False


def wait_until(ready: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    """Poll every 10 ms until ``ready``; AssertionError naming ``what`` when it never is."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.01)


class Server:
    """One program in one folder. A test may kill it and start it again at will."""

    def __init__(
        self, argv: Sequence[str], folder: Path, ready: Callable[[], bool], *, port: int = 0
    ) -> None:
        self.argv = [find(argv[0]) or argv[0], *argv[1:]]
        self.folder = folder
        self.port = port
        self.log = folder / "server.log"
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until it is ready. AssertionError, with its log, when it ends instead."""
        assert not self.running, f"{self.argv[0]} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(lambda: self._ready() or not self.running, f"{self.argv[0]} to be ready")
            assert self.running, f"{self.argv[0]} ended with {self._process.returncode}"
        except AssertionError as error:
            self.kill()
            log_end = self.log.read_text(errors="replace")[-2000:]
            raise AssertionError(f"{error}; its log ends:\n{log_end}") from None

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask it to end (SIGTERM), then insist. Nothing happens when it does not run."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL to it and to what it started."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait(10)

    def restart(self) -> None:
        """Stop, then start."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): its connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw it."""
        self._signal(signal.SIGCONT)

    def reload(self) -> None:
        """Send SIGHUP: most servers read their configuration again."""
        self._signal(signal.SIGHUP)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            # A session of its own: the group is it and its children, nobody else.
            os.killpg(self._process.pid, number)
