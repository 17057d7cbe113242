"""Opens every dashboard of a running Grafana in a browser: a picture of each, and what is wrong.

    python tests/compose/open_dashboards.py --url http://localhost:3000 --password-file FILE
        --out FOLDER [--org NUMBER] [--settle SECONDS]

For the hosted workflow, which has Docker. Guarantees: exit code 1 when a dashboard does not
open, a panel says it failed, or a query was answered with an error; 2 when nothing could be
opened at all. A panel without data is no error: it is counted and told. Does not: judge pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from homeroute_dashboards.grafana.committed import Committed, committed

WIDTH, HEIGHT = 1600, 4000
"""Tall, for Grafana loads only the panels that are in view."""

QUERIES = "/api/ds/query"
FAILED = "[data-testid^='data-testid Panel status error'], [aria-label='Panel status error']"
LOADING = "[aria-label='Panel loading bar'], [data-testid='data-testid Spinner']"
PANELS = "[data-testid^='data-testid Panel header']"

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--hide-scrollbars")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """One dashboard: how many panels it drew, and what was wrong."""

    uid: str
    panels: int
    wrong: tuple[str, ...]


def browser(chromium: str | None, chromedriver: str | None, profile: Path) -> webdriver.Chrome:
    """A window that remembers what it asked the network."""
    options = webdriver.ChromeOptions()
    if chromium:
        options.binary_location = chromium
    for flag in (*FLAGS, f"--window-size={WIDTH},{HEIGHT}", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = Service(chromedriver) if chromedriver else Service()
    return webdriver.Chrome(options=options, service=service)


def sign_in(driver: webdriver.Chrome, url: str, user: str, password: str, wait_s: float) -> None:
    """By Grafana's form. Raises TimeoutException when it does not let us in."""
    driver.get(f"{url}/login")
    wait = WebDriverWait(driver, wait_s)
    wait.until(lambda d: d.find_elements(By.NAME, "user"))
    driver.find_element(By.NAME, "user").send_keys(user)
    driver.find_element(By.NAME, "password").send_keys(password)
    driver.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait.until(lambda d: "/login" not in d.current_url)


def look(
    driver: webdriver.Chrome, url: str, uid: str, picture: Path, settle_s: float, org: int
) -> Seen:
    """Open one, wait until it has settled, take its picture."""
    list(answers(driver))  # what was asked before is not this one's
    driver.get(f"{url}/d/{uid}?orgId={org}&kiosk")
    wrong: list[str] = []
    wait = WebDriverWait(driver, settle_s)
    try:
        wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, PANELS))
        wait.until(lambda d: not d.find_elements(By.CSS_SELECTOR, LOADING))
    except TimeoutException:
        wrong.append("did not settle")
    time.sleep(min(1.0, settle_s / 10))  # the last drawing; there is nothing to wait for
    driver.save_screenshot(str(picture))
    for failed in driver.find_elements(By.CSS_SELECTOR, FAILED):
        label = failed.get_attribute("aria-label") or failed.get_attribute("title") or "error"
        wrong.append(f"a panel failed: {label}")
    wrong += [f"a query was answered {status}" for status in answers(driver) if status >= 400]
    body = driver.find_element(By.TAG_NAME, "body").text
    wrong += [words for words in ("Dashboard not found", "Page not found") if words in body]
    return Seen(uid, len(driver.find_elements(By.CSS_SELECTOR, PANELS)), tuple(wrong))


def answers(driver: webdriver.Chrome) -> Iterator[int]:
    """HTTP's status of every query's answer since the last time."""
    for entry in driver.get_log("performance"):  # type: ignore[no-untyped-call]
        message: dict[str, Any] = json.loads(entry["message"])["message"]
        if message["method"] == "Network.responseReceived":
            response = message["params"]["response"]
            if QUERIES in response["url"]:
                yield int(response["status"])


def wanted(org: int) -> list[Committed]:
    """The dashboards that an organisation has: all but the evaluators' own have all."""
    return committed() if org == 1 else committed("evaluators")


def main(argv: Sequence[str] | None = None) -> int:
    """Look at all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--org", type=int, default=1)
    parser.add_argument("--settle", type=float, default=40.0)
    parser.add_argument("--chromium")
    parser.add_argument("--chromedriver")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    url, password = args.url.rstrip("/"), args.password_file.read_text().strip()
    driver = browser(args.chromium, args.chromedriver, args.out / "profile")
    try:
        try:
            sign_in(driver, url, args.user, password, args.settle)
        except (TimeoutException, WebDriverException) as error:
            driver.save_screenshot(str(args.out / "sign-in.png"))
            print(f"signing in to {url}: {type(error).__name__}", file=sys.stderr)
            return 2
        seen = [
            look(driver, url, one.uid, args.out / f"{one.uid}.png", args.settle, args.org)
            for one in wanted(args.org)
        ]
    finally:
        driver.quit()
    for one in seen:
        told = "; ".join(dict.fromkeys(one.wrong)) or "well"
        print(f"{one.uid:<28} {one.panels:>3} panels  {told}")
    return int(any(one.wrong or not one.panels for one in seen))


if __name__ == "__main__":
    sys.exit(main())
