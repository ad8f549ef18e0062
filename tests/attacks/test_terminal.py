"""What files say must not steer the terminal, nor break on its encoding."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import pgic_core
from pgic_core.features import encode_features, features_file
from pgic_core.terminal import printable
from tests.attacks.running import command, python

GREY = np.arange(64 * 48, dtype=np.uint32).astype(np.uint8).reshape(48, 64)
# Escape, bell, C1's CSI, text that turns the direction, a line end, and an end of a paragraph.
EVIL = "x\x1b[2J\x07\x9b31m\u202eelif\u2066\n\u2029y"
STEERING = [char.encode() for char in "\x1b\x07\x9b\u202e\u2066\u2029"]
CHINESE = "无人机七号"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_spelling_out_leaves_letters_of_all_scripts() -> None:
    plain = "無人機 é ß Ω ک あ\u3000한 😀 −"
    assert printable(plain) == plain
    shown = printable(EVIL + "\ud800\ue000\u200b")
    assert shown.isprintable()
    assert shown.startswith(r"x\x1b[2J\x07\x9b31m\u202eelif\u2066\n\u2029y")


@pytest.mark.parametrize("arguments", [["info"], ["info", "--json"], ["meta", "show", "--json"], ["verify"]])
def test_names_and_metadata_are_spelled_out(arguments: list[str]) -> None:
    name = EVIL.replace("\n", "") + ".pgi"
    annotations = [{"label": EVIL, "box": [1, 1, 9, 9]}]
    pgic_core.encode_to(name, GREY, metadata={"device_id": EVIL}, annotations=annotations)
    for files in ([name], [name, name]):
        done = command(*arguments, *files).check(0)
        for char in STEERING:
            assert char not in done.stdout + done.stderr
        if "--json" in arguments:
            records = json.loads(done.stdout.decode("utf-8"))
            assert (records if isinstance(records, dict) else records[-1])["file"] == name


def test_errors_spell_out_what_was_typed() -> None:
    done = command("decode", "--\x1b[2J\u202e").check(2)
    assert not [char for char in STEERING if char in done.stderr]
    done = command("encode", f"{EVIL}.png").check(1)
    assert not [char for char in STEERING if char in done.stderr]


def test_names_of_tensors_are_spelled_out() -> None:
    stream = encode_features({EVIL: np.zeros((1, 4, 4), np.float32)}, codec="pgic")
    Path("maps.pgi").write_bytes(features_file(stream))
    done = command("features", "show", "maps.pgi").check(0)
    assert not [char for char in STEERING if char in done.stdout]
    assert done.stdout.count(b"\t") == 5
    assert done.stdout.count(b"\n") == 1


def test_the_progress_bar_spells_out_names() -> None:
    """A terminal is played, since the bar is drawn on one only."""
    code = """
        import pty, os, sys
        status = pty.spawn([sys.executable, "-m", "pgic_core", "encode", "-j", "1", *sys.argv[1:]])
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    from PIL import Image

    names = [f"{number}\x9b31m\u202e\x07.png" for number in range(2)]
    for name in names:
        Image.fromarray(GREY).save(name)
    done = python(code, *names).check(0)
    assert b"2 of 2 files done" in done.stdout
    for char in STEERING[1:5]:  # the bar itself moves the cursor with escapes
        assert char not in done.stdout


def test_tables_of_benches_spell_out_names() -> None:
    code = """
        from rich.table import Table
        from pgic_core.terminal import console
        table = Table("picture")
        table.add_row("\\x9b31m\\u202e\\x1b[2J 无人机")
        console().print(table)
    """
    for encoding in ("utf-8", "cp1252"):
        done = python(code, env={"PYTHONIOENCODING": encoding}).check(0)
        assert not [char for char in STEERING if char in done.stdout]


@pytest.mark.parametrize("encoding", ["cp1252", "gbk", "utf-8"])
def test_any_encoding_of_the_terminal(encoding: str) -> None:
    pgic_core.encode_to("a.pgi", GREY, metadata={"device_id": CHINESE, "sensor_params": {"µ": "−15 °C"}})
    env = {"PYTHONIOENCODING": encoding}
    shown = command("info", "a.pgi", env=env).check(0).stdout.decode(encoding)
    assert (CHINESE if encoding in ("gbk", "utf-8") else CHINESE.encode("unicode_escape").decode()) in shown
    for arguments in (["info", "--json"], ["meta", "show", "--json"], ["plugins", "--json"]):
        files = [] if arguments[0] == "plugins" else ["a.pgi"]
        facts = json.loads(command(*arguments, *files, env=env).check(0).stdout.decode("utf-8"))
        if files:
            assert facts["metadata"]["device_id"] == CHINESE
    command("verify", f"{CHINESE}.pgi", env=env).check(1)
    command("encode", CHINESE, "--no-such", env=env).check(2)


def test_a_file_name_that_is_no_utf8() -> None:
    name = os.fsdecode(CHINESE.encode("gbk") + b".pgi")
    pgic_core.encode_to(name, GREY)
    for arguments in (["info", name], ["info", name, name], ["meta", "show", name]):
        done = command(*arguments, "--json").check(0)
        records = json.loads(done.stdout.decode("utf-8"))
        assert (records if isinstance(records, dict) else records[0])["file"] == name
    assert command("info", name).check(0).stdout.decode("utf-8").startswith("\\udcce")
    assert b"sound" in command("verify", name).check(0).stderr


def test_facts_of_many_files_do_not_pile_up() -> None:
    """Files whose fields take eighteen megabytes each in memory."""
    fields = {"acme.table": [bytes(1)] * 60_000, "acme.bytes": bytes(12_000_000)}
    pgic_core.encode_to("a.pgi", GREY, extension=fields)
    for options in ([], ["--json"]):
        few, many = (command("info", *options, *["a.pgi"] * count) for count in (1, 6))
        assert (few.status, many.status) == (0, 0)
        assert many.megabytes < few.megabytes + 40
        assert many.stdout.count(b"a.pgi") == 6
