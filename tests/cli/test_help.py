"""What ``--help`` shows, for every command there is."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from pgic_core.cli import app
from pgic_core.cli.command_base import PgicCommand, PgicGroup

if TYPE_CHECKING:
    from collections.abc import Iterator


def walk(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group, groups included, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))


COMMANDS = dict(walk(app))
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, prog_name="pgic", terminal_width=78)  # as in a terminal of 80
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_walk_reaches_commands_of_commands() -> None:
    assert {("encode",), ("meta", "annotate"), ("features", "bench"), ("bench", "rd")} <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_whole_lines_without_markup(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert isinstance(command, PgicCommand | PgicGroup)
    assert command.help
    for flag in ("-h", "--help"):
        text = shown(*path, flag)
        assert text.startswith(f"Usage: pgic {' '.join(path)} ")
        assert "\\b" not in text
        assert "\b" not in text
        assert max(map(len, text.splitlines())) <= 78


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_shows_examples_one_on_a_line_that_it_understands(path: tuple[str, ...]) -> None:
    command = LEAVES[path]
    assert isinstance(command, PgicCommand)
    assert command.examples
    lines = shown(*path, "--help").splitlines()
    for example in command.examples:
        assert f"  {example}" in lines
        words = shlex.split(re.split(r"\s{2,}", example)[0])
        assert words[: len(path) + 1] == ["pgic", *path]
        context = click.Context(command)
        values, rest, _ = command.make_parser(context).parse_args(words[len(path) + 1 :])
        assert rest == []
        for param in command.params:
            value = values.get(param.name)
            assert value or not param.required
            if not isinstance(param.type, click.Path | click.File):  # those files are not there
                param.type_cast_value(context, value)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_all_shows_every_option_and_help_only_those_most_people_need(path: tuple[str, ...]) -> None:
    command = LEAVES[path]
    advanced = {param.opts[-1] for param in command.params if getattr(param, "advanced", False)}
    options = {p.opts[-1] for p in command.params if isinstance(p, click.Option) and not p.hidden}
    plain = options - advanced
    assert isinstance(command, PgicCommand)
    last = command.examples[-1]
    short = option_names(shown(*path, "--help").split(last)[1])
    assert plain <= short
    assert not advanced & short
    assert ("--help-all" in short) == bool(advanced)
    assert options <= option_names(shown(*path, "--help-all").split(last)[1])


def option_names(text: str) -> set[str]:
    """The options that start a line of the help."""
    heads = re.findall(r"^  (-[^ ,]+(?:(?:, | / )-[^ ,]+)*)", text, re.MULTILINE)
    return {name for head in heads for name in re.split(r", | / ", head)}


def test_lists_of_commands_say_whole_sentences() -> None:
    for path in ((), *(path for path in COMMANDS if path not in LEAVES)):
        listed = shown(*path, "--help").split("Commands:\n")[1].split("\n\n")[0]
        assert re.search(r"^  \w+ +[A-Z][^.]*(\.pgi[^.]*|\.npy[^.]*|\.npz[^.]*)*\.$", listed, re.MULTILINE)
        assert "..." not in listed


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_says_what_it_does(path: tuple[str, ...]) -> None:
    command = LEAVES[path]
    silent = [p.opts[-1] for p in command.params if isinstance(p, click.Option) and not p.help]
    assert silent == []
