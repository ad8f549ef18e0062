"""What every command is made of: options by subject, help in two tiers, examples, and one way to fail.

``--help`` shows what most people need, ``--help-all`` every option.
"""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..errors import PgiError, PgiOptionError
from ..terminal import say, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["PgicCommand", "PgicGroup", "option", "reason_of"]

_ALL = "pgic_core.cli.help_all"
_SETTINGS = {"help_option_names": ["-h", "--help"]}


class _GroupedOption(click.Option):
    def __init__(self, *args: Any, group: str, advanced: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group
        self.advanced = advanced

    def get_help_extra(self, ctx: click.Context) -> Any:
        """What click adds to the help, without the range where the metavar already says it."""
        extra = super().get_help_extra(ctx)
        if self.metavar is not None:
            extra.pop("range", None)
        return extra


def option(
    *names: str, group: str = "Options", advanced: bool = False, **attributes: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``click.option`` with two attributes more.

    Args:
        names: as for ``click.option``.
        group: heading in the help.
        advanced: whether ``--help`` leaves the option out and only ``--help-all`` shows it.
        attributes: as for ``click.option``.
    """
    return click.option(*names, cls=_GroupedOption, group=group, advanced=advanced, **attributes)


class PgicCommand(click.Command):
    """A command that works on something, with options made by :func:`option`.

    Args:
        examples: command lines, with a remark after two or more spaces; the help prints each on a line.

    Attributes:
        examples: likewise.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **{"context_settings": _SETTINGS, **kwargs})
        self.examples = tuple(examples)
        self.params.append(
            click.Option(
                ["--help-all"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_print_all,
                # Understood by all, and named where it shows more than --help.
                hidden=not any(getattr(param, "advanced", False) for param in self.params),
                help="Show all options and exit.",
            )
        )

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; see :func:`_plain_failure` for its errors."""
        with _plain_failure(ctx):
            return super().invoke(ctx)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description, then the examples."""
        super().format_help_text(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, one section for each subject."""
        sections: dict[str, list[tuple[str, str]]] = {}
        plain: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None or (getattr(param, "advanced", False) and _ALL not in ctx.meta):
                continue
            if isinstance(param, _GroupedOption):
                sections.setdefault(param.group, []).append(record)
            elif isinstance(param, click.Option):
                plain.append(record)
        for name, records in [*sections.items(), ("Help", plain)]:
            with formatter.section(name):
                formatter.write_dl(records)


class PgicGroup(click.Group):
    """A group of commands, each a :class:`PgicCommand`."""

    command_class = PgicCommand

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"context_settings": _SETTINGS, **kwargs})

    def invoke(self, ctx: click.Context) -> object:
        """Run the group and its command; see :func:`_plain_failure` for errors."""
        with _plain_failure(ctx):
            return super().invoke(ctx)


@contextmanager
def _plain_failure(ctx: click.Context) -> Iterator[None]:
    """Turn an error of the library into one line and an exit status.

    An option that cannot be used ends with the usage and status 2, everything else with status 1.
    """
    try:
        yield
    except PgiOptionError as error:
        raise click.UsageError(_as_typed(str(error), ctx), ctx) from error
    except BrokenPipeError:  # click ends quietly where the reader of a pipe has gone
        raise
    except (PgiError, OSError) as error:
        name = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        say(f"pgic: {name}{reason_of(error)}")
        sys.exit(1)


def reason_of(error: Exception) -> str:
    """Why something failed, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    ctx = click.get_current_context(silent=True)
    if isinstance(error, PgiOptionError) and ctx is not None:
        text = _as_typed(text, ctx)
    if isinstance(error, (PgiError, OSError, ValueError)) and text:
        return text
    return f"{type(error).__name__}: {text}"


def _as_typed(text: str, ctx: click.Context) -> str:
    """What the library says of its arguments, with the options of the command instead.

    So ``level='fine'`` becomes ``--level fine``, and "max_bytes and lossless contradict each other" becomes
    "--max-bytes and --lossless contradict each other".
    """
    names = {
        param.name: max(param.opts, key=len)
        for param in ctx.command.params
        if isinstance(param, click.Option) and param.name
    }
    if not names:
        return text
    any_name = f"({'|'.join(names)})"

    def option_of(found: re.Match[str]) -> str:
        return " ".join([names[found[1]], *filter(None, found.groups()[1:])])

    text = re.sub(rf"\b{any_name}=(?:True|'([\w-]+)')", option_of, text)
    return re.sub(rf"(?:^|(?<= and )){any_name}(?= (?:and|contradict|must|needs)\b)", option_of, text)


def _print_all(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        ctx.meta[_ALL] = True
        for line in ctx.get_help().split("\n"):
            show(line)
        ctx.exit()
