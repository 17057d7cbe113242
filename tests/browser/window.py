"""A Chromium window as the tests use it: find by words, never sleep, keep the log clean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.servers import find

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
"""Of its own accord Chromium asks hosts of the internet; these flags keep it at home."""


@dataclass(frozen=True)
class Window:
    """One tab of one browser."""

    driver: webdriver.Chrome

    @classmethod
    def open(cls, folder: Path) -> Window:
        """Start Debian's Chromium with an empty profile in ``folder``."""
        options = webdriver.ChromeOptions()
        options.binary_location = find("chromium") or "chromium"
        for flag in (*FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service(find("chromedriver") or "chromedriver")
        return cls(webdriver.Chrome(options=options, service=service))

    def shape(self, width: int, scheme: str = "light") -> None:
        """Set the page's width in CSS pixels, and whether light or dark is preferred."""
        self._devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 700,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._devtools("Emulation.setEmulatedMedia", features=features)

    def all(self, css: str) -> list[WebElement]:
        """Every element that matches."""
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str) -> WebElement:
        """The first element that matches."""
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        """What a person sees of the first match; narrow spaces as spaces."""
        return self.one(css).text.replace("\N{NARROW NO-BREAK SPACE}", " ")

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
        """Wait until it is so."""
        wait = WebDriverWait(
            self.driver, seconds, 0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        return wait.until(lambda _: condition(), f"never: {what}")

    def width_needed(self) -> int:
        """How wide the page lays itself out, in CSS pixels."""
        return int(self.driver.execute_script("return document.documentElement.scrollWidth"))

    def complaints(self) -> list[str]:
        """What the browser logged as severe: broken scripts, blocked content, missing files."""
        log = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]

    def _devtools(self, command: str, **parameters: Any) -> None:
        self.driver.execute_cdp_cmd(command, parameters)
