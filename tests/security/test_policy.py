"""Roles in a signed policy choose which tier is wrapped for whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import pgic_core
from pgic_core.cli import app
from pgic_core.ed25519_keys import make_key
from pgic_core.errors import PgiAuthenticationError, PgiInputError, PgiOptionError
from pgic_core.security.policy import read_policy, recipients_by_policy, sign_policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Keys

    Forgery = Callable[[Path], None]


def content(keys: Keys) -> dict[str, Any]:
    return {
        "serial": 12,
        "roles": {"inspector": "preview", "analyst": "full", "area": "regions"},
        "people": [
            {"name": "Anna", "role": "analyst", "key": keys.full.public.to_text()},
            {"name": "Ben", "role": "inspector", "key": keys.preview.public.to_text()},
            {"name": "Carla", "role": "area", "key": keys.regions.public.to_text()},
        ],
    }


@pytest.fixture
def folder(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "roles.json").write_text(json.dumps(content(keys)), encoding="utf-8")
    make_key("office")
    make_key("stranger")
    sign_policy("roles.json", "office")
    return tmp_path


def tier(data: bytes, key: object) -> str | None:
    with pgic_core.open_file(data, keys=key) as file:  # type: ignore[arg-type]
        return file.tier


def test_roles_become_tiers(folder: Path, learned: bytes, lossless: bytes, small: bytes, keys: Keys) -> None:
    recipients = recipients_by_policy("roles.json", "office.pub")
    for data, region, preview in (
        (learned, "regions", "preview"),
        (small, "preview", "preview"),  # without regions of interest
        (lossless, "preview", "preview"),  # without layers, but with a stored preview
    ):
        pgic_core.encrypt(data, "a.pgi", recipients)
        sealed = (folder / "a.pgi").read_bytes()
        assert tier(sealed, keys.full) == "full"
        assert tier(sealed, keys.regions) == region
        assert tier(sealed, keys.preview) == preview


def test_a_policy_that_was_changed_is_refused(folder: Path, keys: Keys) -> None:
    people = read_policy("roles.json", "office.pub").people
    assert [person.name for person in people] == ["Anna", "Ben", "Carla"]
    with pytest.raises(PgiAuthenticationError, match=r"stranger\.pub"):
        read_policy("roles.json", "stranger.pub")
    text = (folder / "roles.json").read_text(encoding="utf-8")
    for changed in (text.replace('"preview"', '"full"'), text + " ", text.replace("Ben", "Bob")):
        (folder / "roles.json").write_text(changed, encoding="utf-8")
        with pytest.raises(PgiAuthenticationError, match="changed"):
            read_policy("roles.json", "office.pub")
    (folder / "roles.json").write_text(text, encoding="utf-8")
    for signature in ("[]", "{}", '{"signature": 1}', '{"signature": "AAAA"}', '{"signature": "?"}'):
        (folder / "roles.json.sig").write_text(signature, encoding="utf-8")
        with pytest.raises(PgiAuthenticationError):
            read_policy("roles.json", "office.pub")
    (folder / "roles.json.sig").unlink()
    with pytest.raises(PgiInputError, match="cannot be read"):
        read_policy("roles.json", "office.pub")
    sign_policy("roles.json", "stranger")
    with pytest.raises(PgiAuthenticationError):
        read_policy("roles.json", "office.pub")


def _flipped(name: str, at: int) -> Forgery:
    def forge(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[at * len(data) // 10] ^= 1
        (folder / name).write_bytes(data)

    return forge


def _edited(old: str, new: str) -> Forgery:
    def forge(folder: Path) -> None:
        text = (folder / "roles.json").read_text(encoding="utf-8")
        assert old in text
        (folder / "roles.json").write_text(text.replace(old, new, 1), encoding="utf-8")

    return forge


def _by_a_stranger(folder: Path) -> None:
    """Who claims the office's key id."""
    theirs = json.loads((folder / "roles.json.sig").read_text())
    sign_policy("roles.json", "stranger")
    forged = json.loads((folder / "roles.json.sig").read_text()) | {"key_id": theirs["key_id"]}
    (folder / "roles.json.sig").write_text(json.dumps(forged))


def _signature_of_another(folder: Path) -> None:
    """A policy that the office signed, too, with another's signature beside it."""
    text = (folder / "roles.json").read_text(encoding="utf-8")
    (folder / "other.json").write_text(text.replace('"full"', '"preview"'), encoding="utf-8")
    sign_policy("other.json", "office")
    (folder / "roles.json.sig").write_bytes((folder / "other.json.sig").read_bytes())


def _of_an_audit_log(folder: Path) -> None:
    """A signature of the same key on the same bytes, for another purpose."""
    from pgic_core.ed25519_keys import Signer

    signature = Signer("office").sign((folder / "roles.json").read_bytes())
    (folder / "roles.json.sig").write_text(json.dumps({"signature": signature}))


def _older(folder: Path) -> None:
    text = (folder / "roles.json").read_text(encoding="utf-8")
    (folder / "roles.json").write_text(text.replace('"serial": 12', '"serial": 11'), encoding="utf-8")
    sign_policy("roles.json", "office")


FORGERIES: list[Forgery] = [
    *(_flipped("roles.json", at) for at in range(10)),
    _edited('"preview"', '"full"'),
    _edited('"inspector"', '"analyst"'),
    _edited('"serial": 12', '"serial": 13'),
    _edited('"serial": 12', '"serial": 12, "until": "2099-01-01"'),
    _edited('"serial": 12', '"serial": 12, "serial": 12'),
    _edited('"Ben"', '"Bob"'),
    _edited("{", "\ufeff{"),
    _edited("}]}", "}] }"),
    _by_a_stranger,
    _signature_of_another,
    _of_an_audit_log,
    _older,
]


@pytest.mark.attack("policy forgery")
@pytest.mark.parametrize("number", range(len(FORGERIES)))
def test_a_forged_policy_is_refused(number: int, folder: Path) -> None:
    """Also one with its old signature, where the newest serial number is known; nobody gets a key by it."""
    FORGERIES[number](folder)
    with pytest.raises(PgiAuthenticationError):
        recipients_by_policy("roles.json", "office.pub", least_serial=12)


@pytest.mark.parametrize(
    "change",
    [
        {"roles": []},
        {"roles": {"inspector": "preview", "analyst": "all", "area": "full"}},
        {"roles": {"inspector": 2}},
        {"people": []},
        {"people": {}},
        {"people": ["Anna"]},
        {"people": [{"name": "Anna", "role": "analyst"}]},
        {"people": [{"name": "Anna", "role": "boss", "key": "pgic-public"}]},
        {"people": [{"name": "Anna", "role": "analyst", "key": "pgic-public"}]},
        {"people": [{"name": 1, "role": "analyst", "key": "pgic-public"}]},
        {"more": 1},
        {"serial": None},
        {"serial": -1},
        {"serial": True},
        {"serial": "12"},
        {"until": 2027},
        {"until": "tomorrow"},
    ],
)
def test_what_is_no_policy_is_not_signed(folder: Path, keys: Keys, change: dict[str, Any]) -> None:
    (folder / "bad.json").write_text(json.dumps(content(keys) | change), encoding="utf-8")
    with pytest.raises(PgiInputError, match=r"bad\.json"):
        sign_policy("bad.json", "office")
    assert not (folder / "bad.json.sig").exists()


def test_an_old_policy_is_refused(folder: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who kept it, with its signature, puts it in the place of the present one."""
    for least in (0, 12):
        assert read_policy("roles.json", "office.pub", least_serial=least).serial == 12
    with pytest.raises(PgiAuthenticationError, match=r"number is 12, the newest known is 13"):
        read_policy("roles.json", "office.pub", least_serial=13)
    monkeypatch.setenv("PGIC_POLICY_SERIAL", "13")
    with pytest.raises(PgiAuthenticationError, match="old policy"):
        recipients_by_policy("roles.json", "office.pub")
    assert read_policy("roles.json", "office.pub", least_serial=0).serial == 12
    monkeypatch.setenv("PGIC_POLICY_SERIAL", "-1")
    with pytest.raises(PgiOptionError, match="PGIC_POLICY_SERIAL"):
        read_policy("roles.json", "office.pub")
    monkeypatch.delenv("PGIC_POLICY_SERIAL")
    today = datetime.now(UTC)
    for until, ended in (
        (today.date().isoformat(), False),  # a day counts to its end
        ((today - timedelta(1)).date().isoformat(), True),
        ((today + timedelta(hours=1)).isoformat(), False),
        ((today - timedelta(hours=1)).replace(tzinfo=None).isoformat(), True),
    ):
        (folder / "short.json").write_text(json.dumps(content(keys) | {"until": until}), encoding="utf-8")
        sign_policy("short.json", "office")
        if ended:
            with pytest.raises(PgiAuthenticationError, match="it ended at 20"):
                read_policy("short.json", "office.pub")
        else:
            read_policy("short.json", "office.pub")


def test_keys_of_a_policy(folder: Path, keys: Keys) -> None:
    people = content(keys)["people"]
    for key in (keys.full.to_text(), people[0]["key"] * 2, people[1]["key"]):
        changed = [people[0] | {"key": key}, *people[1:]]
        (folder / "bad.json").write_text(json.dumps(content(keys) | {"people": changed}), encoding="utf-8")
        with pytest.raises(PgiInputError, match=r"bad\.json") as caught:
            sign_policy("bad.json", "office")
        assert keys.full.to_text().split()[3] not in str(caught.value)


def test_commands(folder: Path, learned: bytes, keys: Keys) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        return result.exit_code, result.output

    (folder / "photo.pgi").write_bytes(learned)
    assert run("policy", "sign", "roles.json", "--key", "office")[0] == 0
    status, text = run("policy", "show", "roles.json", "--trust", "office.pub")
    assert status == 0
    assert text.startswith("serial 12\n")
    assert f"Ben: inspector (preview), key {keys.preview.key_id.hex()}" in text
    encrypt = ["encrypt", "photo.pgi", "-o", "sealed.pgi", "--policy", "roles.json"]
    assert run(*encrypt, "--trust", "office.pub")[0] == 0
    assert tier((folder / "sealed.pgi").read_bytes(), keys.preview) == "preview"
    assert run(*encrypt)[0] == 2
    status, text = run(*encrypt, "--trust", "office.pub", "--policy-serial", "13")
    assert status == 1
    assert "is an old policy" in text
    assert run("encrypt", "photo.pgi", "-o", "b.pgi", "--to", "x.pub", "--policy-serial", "1")[0] == 2
    status, text = run(*encrypt, "--trust", "stranger.pub")
    assert status == 1
    assert "is not signed with the key" in text
