"""Roles in a signed policy choose which tier is wrapped for whom."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import pgic_core
from pgic_core.cli import app
from pgic_core.ed25519_keys import make_key
from pgic_core.errors import PgiAuthenticationError, PgiInputError
from pgic_core.security.policy import read_policy, recipients_by_policy, sign_policy

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Keys


def content(keys: Keys) -> dict[str, Any]:
    return {
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
    assert [person.name for person in read_policy("roles.json", "office.pub")] == ["Anna", "Ben", "Carla"]
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
    ],
)
def test_what_is_no_policy_is_not_signed(folder: Path, keys: Keys, change: dict[str, Any]) -> None:
    (folder / "bad.json").write_text(json.dumps(content(keys) | change), encoding="utf-8")
    with pytest.raises(PgiInputError, match=r"bad\.json"):
        sign_policy("bad.json", "office")
    assert not (folder / "bad.json.sig").exists()


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
    assert f"Ben: inspector (preview), key {keys.preview.key_id.hex()}" in text
    encrypt = ["encrypt", "photo.pgi", "-o", "sealed.pgi", "--policy", "roles.json"]
    assert run(*encrypt, "--trust", "office.pub")[0] == 0
    assert tier((folder / "sealed.pgi").read_bytes(), keys.preview) == "preview"
    assert run(*encrypt)[0] == 2
    status, text = run(*encrypt, "--trust", "stranger.pub")
    assert status == 1
    assert "is not signed with the key" in text
