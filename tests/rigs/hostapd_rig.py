"""A real hostapd and real riders, with no radio: ``driver=wired`` over veth pairs.

Everything lives in a network namespace of its own, made by one ``unshare`` that
needs no root where user namespaces are allowed. The control socket is a file, so
that an agent outside the namespace can use it.

    with HostapdRig(folder) as rig:
        rig.connect("9e:1a:2b:3c:4d:5e")       # AP-STA-CONNECTED
        agent reads rig.socket
        rig.disconnect("9e:1a:2b:3c:4d:5e")    # AP-STA-DISCONNECTED
        rig.restart()

On a wired port there are no byte counts and no connected time. With ``accounting``
hostapd also sends RADIUS accounting, which a relay brings out of the namespace to
that loopback port.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers import find

_HERE = Path(__file__).parent
_PORT = "hsv0"
_RIDERS = "br0"

SECRET = "testing123"
"""Of hostapd and its accounting server."""

_ACCOUNTING_PORT = 11_813
_PASS_A_SOCKET = """\
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", int(sys.argv[2])))
socket.send_fds(socket.socket(fileno=int(sys.argv[1])), [b"x"], [server.fileno()])
"""
"""A socket belongs to the namespace it was made in, wherever it is used."""


class HostapdRig:
    """hostapd on a veth port; one wpa_supplicant for each rider. Stops what it started."""

    def __init__(self, folder: Path, *, accounting: int | None = None) -> None:
        # A unix socket's path has 107 bytes, and pytest's folders are long.
        self._run = Path(tempfile.mkdtemp(prefix="hostapd-", dir="/tmp"))
        self._folder = folder
        self._namespace: subprocess.Popen[bytes] | None = None
        self._hostapd: subprocess.Popen[bytes] | None = None
        self._riders: dict[str, subprocess.Popen[bytes]] = {}
        self._accounting = accounting
        self._relay: Relay | None = None
        self.log = folder / "hostapd.log"

    @property
    def socket(self) -> Path:
        """hostapd's control socket."""
        return self._run / "hapd" / "ctrl" / _PORT

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make the namespace and the access point; return when its socket is there."""
        for folder in ("hapd", "wpas"):
            (self._run / folder).mkdir()
        (self._run / "hapd" / "eap_users").write_text('"rider" MD5 "pw"\n')
        # A namespace lives as long as a program in it: one that only waits.
        self._namespace = subprocess.Popen(
            [find("unshare") or "unshare", "-Urn", "sleep", "infinity"], start_new_session=True
        )
        self._wait(lambda: self._try("ip", "link", "set", "lo", "up"), "the namespace")
        # EAPOL goes to a group address (bit 3) that a bridge keeps to itself unless told.
        self._inside("ip", "link", "add", _RIDERS, "type", "bridge", "group_fwd_mask", "8")
        self._inside("ip", "link", "add", _PORT, "type", "veth", "peer", "name", "hsv1")
        self._inside("ip", "link", "set", "hsv1", "master", _RIDERS)
        for interface in (_RIDERS, _PORT, "hsv1"):
            self._inside("ip", "link", "set", interface, "up")
        if self._accounting is not None:
            self._relay = Relay(self._socket_inside(), self._accounting)
        self.start_hostapd()

    def start_hostapd(self) -> None:
        """Start the access point (again)."""
        configuration = (_HERE / "hostapd_wired.conf").read_text()
        lines = configuration.splitlines()
        if self._accounting is None:
            lines = [line for line in lines if not line.startswith(("acct_", "radius_"))]
        else:
            lines.append("radius_acct_interim_interval=1")
        # Several riders share the port: each is answered by its own address.
        text = "\n".join(lines).replace("use_pae_group_addr=1", "use_pae_group_addr=0")
        path = self._run / "hostapd.conf"
        path.write_text(text.replace("RUNDIR", str(self._run)) + "\n")
        with self.log.open("ab") as log:
            self._hostapd = subprocess.Popen(
                self._command("hostapd", str(path)), stdout=log, stderr=log
            )
        self._wait(lambda: self._cli("ping").strip() == "PONG", "hostapd to answer")

    def stop_hostapd(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the access point, politely or not."""
        if self._hostapd is not None:
            self._end(self._hostapd, number)
            self._hostapd = None

    def restart(self) -> None:
        """Stop and start the access point. Riders stay, and knock again when told to."""
        self.stop_hostapd()
        self.start_hostapd()

    def connect(self, mac: str) -> None:
        """Let a rider with this MAC join; return when hostapd lists it as authorised."""
        if mac not in self._riders:
            self._add_rider(mac)
        else:
            self._inside(
                "wpa_cli", "-p", str(self._run / "wpas"), "-i", self._port_of(mac), "reassociate"
            )
        self._wait(lambda: mac in self.authorised(), f"{mac} to be authorised")

    def disconnect(self, mac: str) -> None:
        """Make a rider leave: a disconnect event, and it is not let in again by itself."""
        rider = self._riders.pop(mac, None)
        if rider is not None:
            self._end(rider)
        self._cli("disassociate", mac)
        self._wait(lambda: mac not in self.authorised(), f"{mac} to be gone")

    def vanish(self, mac: str) -> None:
        """Switch a rider off without a word: hostapd goes on listing it."""
        self._end(self._riders.pop(mac))

    def authorised(self) -> set[str]:
        """The MACs hostapd lists as authorised."""
        macs: set[str] = set()
        mac = ""
        for line in self._cli("all_sta").splitlines():
            if line.count(":") == 5 and len(line) == 17:
                mac = line
            elif line.startswith("flags=") and "[AUTHORIZED]" in line:
                macs.add(mac)
        return macs

    def stop(self) -> None:
        """End everything that was started, and remove the folder."""
        for rider in self._riders.values():
            self._end(rider)
        self._riders.clear()
        self.stop_hostapd()
        if self._relay is not None:
            self._relay.stop()
        if self._namespace is not None:
            self._end(self._namespace)
        shutil.rmtree(self._run, ignore_errors=True)

    def _add_rider(self, mac: str) -> None:
        port = self._port_of(mac)
        if not self._try("ip", "link", "show", port):
            peer = f"p{port}"
            self._inside("ip", "link", "add", port, "type", "veth", "peer", "name", peer)
            self._inside("ip", "link", "set", port, "address", mac)
            self._inside("ip", "link", "set", peer, "master", _RIDERS)
            for interface in (port, peer):
                self._inside("ip", "link", "set", interface, "up")
        configuration = (_HERE / "wpa_supplicant_wired.conf").read_text()
        configuration = configuration.replace("RUNDIR/wpas/ctrl", str(self._run / "wpas"))
        path = self._run / f"{port}.conf"
        path.write_text(configuration)
        with (self._folder / "wpa_supplicant.log").open("ab") as log:
            self._riders[mac] = subprocess.Popen(
                self._command("wpa_supplicant", "-Dwired", "-i", port, "-c", str(path)),
                stdout=log,
                stderr=log,
            )

    def _socket_inside(self) -> int:
        """A UDP socket of the namespace's own loopback, as a descriptor for use outside of it."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            number = str(theirs.fileno())
            subprocess.run(
                self._command(sys.executable, "-c", _PASS_A_SOCKET, number, str(_ACCOUNTING_PORT)),
                pass_fds=[theirs.fileno()],
                timeout=20,
                check=True,
            )
            _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        return descriptors[0]

    @staticmethod
    def _port_of(mac: str) -> str:
        return "r" + mac.replace(":", "")[-10:]

    def _command(self, *words: str) -> list[str]:
        assert self._namespace is not None
        enter = ["nsenter", "-t", str(self._namespace.pid), "-U", "-n", "--preserve-credentials"]
        return [*enter, find(words[0]) or words[0], *words[1:]]

    def _inside(self, *words: str) -> str:
        done = subprocess.run(
            self._command(*words), capture_output=True, text=True, timeout=20, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"
        return done.stdout

    def _try(self, *words: str) -> bool:
        done = subprocess.run(self._command(*words), capture_output=True, timeout=20, check=False)
        return done.returncode == 0

    def _cli(self, *words: str) -> str:
        done = subprocess.run(
            self._command(
                "hostapd_cli", "-p", str(self._run / "hapd" / "ctrl"), "-i", _PORT, *words
            ),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.stdout

    def _end(
        self, process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM
    ) -> None:
        if process.poll() is None:
            os.kill(process.pid, number)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)

    def _wait(self, ready: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not ready():
            if time.monotonic() > deadline:
                log = self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""
                raise AssertionError(f"waited {timeout_s:g} s for {what}; hostapd said:\n{log}")
            time.sleep(0.05)


class Relay:
    """Carries datagrams between a socket of another namespace and a loopback port here."""

    def __init__(self, inside: int, port: int) -> None:
        self._inside = socket.socket(fileno=inside)
        self._outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._outside.connect(("127.0.0.1", port))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Carry no more."""
        self._stopping.set()
        self._thread.join(5)
        self._inside.close()
        self._outside.close()

    def _carry(self) -> None:
        asker: tuple[str, int] | None = None
        while not self._stopping.is_set():
            ready, _, _ = select.select([self._inside, self._outside], [], [], 0.1)
            try:
                if self._inside in ready:
                    data, asker = self._inside.recvfrom(4096)
                    self._outside.send(data)
                if self._outside in ready and asker is not None:
                    self._inside.sendto(self._outside.recv(4096), asker)
            except OSError:
                continue  # nobody listens there yet: hostapd will ask again
