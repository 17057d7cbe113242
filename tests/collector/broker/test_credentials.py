"""Passwords: random, given once, kept as hashes, never half written."""

from __future__ import annotations

import base64
import hashlib
import multiprocessing
import stat
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_collector.broker import CredentialError, Credentials
from homeroute_collector.broker.credentials import mosquitto_hash


def test_a_password_is_256_random_bits_and_only_its_hashes_are_kept(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    first, second = credentials.add("bus-01"), credentials.add("bus-02")
    assert first != second
    assert len(base64.urlsafe_b64decode(first + "=")) == 32
    kept = tmp_path / "broker" / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert first not in kept.read_text()
    (account, _) = credentials.list()
    assert bcrypt.checkpw(first.encode(), account.bcrypt.encode())


@given(st.text(min_size=1, max_size=80), st.binary(min_size=12, max_size=12))
def test_the_hash_for_mosquitto_is_what_mosquitto_computes(password: str, salt: bytes) -> None:
    _, scheme, rounds, kept_salt, key = mosquitto_hash(password, salt).split("$")
    assert (scheme, rounds) == ("7", "101")
    assert base64.b64decode(kept_salt) == salt
    assert base64.b64decode(key) == hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)


@pytest.mark.parametrize(
    "name", ["", "Bus-01", "bus 01", "-bus", "a" * 64, "a/b", "+", "collector"]
)
def test_what_is_no_device_id_gets_no_password(tmp_path: Path, name: str) -> None:
    with pytest.raises(CredentialError, match="device id"):
        Credentials(tmp_path).add(name)
    assert not (tmp_path / "broker" / "credentials.json").exists()


def test_a_second_password_is_given_only_on_purpose(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    first = credentials.add("bus-01")
    with pytest.raises(CredentialError, match="enrolled already"):
        credentials.add_all(["bus-02", "bus-01"])
    assert [account.name for account in credentials.list()] == ["bus-01"]  # all or nothing
    assert credentials.add("bus-01", replace=True) != first


def test_the_collectors_own_account_is_made_once_and_is_no_device(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    file = credentials.ensure_collector()
    password, version = file.read_text(), credentials.version()
    assert credentials.ensure_collector().read_text() == password
    assert credentials.version() == version
    assert credentials.list() == ()
    assert [account.name for account in credentials.accounts()] == ["collector"]
    file.unlink()
    assert credentials.ensure_collector().read_text() != password


def test_every_edit_changes_the_version(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    versions = [credentials.version()]
    credentials.add("bus-01")
    versions.append(credentials.version())
    credentials.remove("bus-01")
    versions.append(credentials.version())
    assert len(set(versions)) == 3


def test_who_is_not_enrolled_cannot_be_removed(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="bus-01 is not enrolled"):
        Credentials(tmp_path).remove("bus-01")


def test_a_damaged_file_is_said_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "broker" / "credentials.json"
    Credentials(tmp_path).add("bus-01")
    file.write_text('{"accounts": [{"name":')
    with pytest.raises(CredentialError, match=r"credentials\.json"):
        Credentials(tmp_path).add("bus-02")
    assert file.read_text() == '{"accounts": [{"name":'


@pytest.mark.slow
def test_two_programs_enrolling_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [
        context.Process(target=_add_ten, args=(tmp_path, prefix), daemon=True)
        for prefix in ("a", "b")
    ]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
        assert one.exitcode == 0
    assert len(Credentials(tmp_path).list()) == 20


def _add_ten(data: Path, prefix: str) -> None:
    for number in range(10):
        Credentials(data).add(f"{prefix}{number}")
