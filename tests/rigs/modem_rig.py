"""A private system bus with a mock ModemManager on it, for the real ``mmcli``.

with ModemRig() as rig:
    subprocess.run(["mmcli", "-L"], env={**os.environ, **rig.environment})
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers import SYSTEM_PYTHON, Server, find, wait_until

_HERE = Path(__file__).parent


class ModemRig:
    """dbus-daemon, and python3-dbusmock with ``modem_manager.py``; both stopped at the end."""

    def __init__(self) -> None:
        # A unix socket's path has 107 bytes, and pytest's folders are long.
        self._run = Path(tempfile.mkdtemp(prefix="modem-", dir="/tmp"))
        bus, mock = self._run / "mm", self._run / "mock"
        bus.mkdir()
        mock.mkdir()
        configuration = self._run / "bus.conf"
        configuration.write_text((_HERE / "bus.conf").read_text().replace("RUNDIR", str(self._run)))
        self.environment = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus / 'bus.sock'}"}
        self._bus = Server(
            ["dbus-daemon", f"--config-file={configuration}", "--nofork"],
            bus,
            (bus / "bus.sock").exists,
        )
        template = str(_HERE / "modem_manager.py")
        self._mock = Server(
            ["env", *(f"{name}={value}" for name, value in self.environment.items()),
             SYSTEM_PYTHON, "-m", "dbusmock", "--template", template],
            mock,
            lambda: "Modem/0" in self._mmcli("-L"),
        )  # fmt: skip

    def __enter__(self) -> Self:
        try:
            self._bus.start()
            self._mock.start()
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

    def stop(self) -> None:
        """End both, and remove the folder."""
        self._mock.stop()
        self._bus.stop()
        shutil.rmtree(self._run, ignore_errors=True)

    def unplug(self) -> None:
        """ModemManager ends."""
        self._mock.stop()
        wait_until(lambda: "Modem/0" not in self._mmcli("-L"), "the modem to be gone")

    def _mmcli(self, *words: str) -> str:
        done = subprocess.run(
            [find("mmcli") or "mmcli", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.stdout
