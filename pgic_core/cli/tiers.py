"""Help in two tiers: ``--help`` shows what most people need, ``--help-all`` everything, by subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..terminal import show

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TieredCommand", "option"]

_ALL = "pgic_core.cli.help_all"


class _TieredOption(click.Option):
    def __init__(self, *args: Any, group: str, advanced: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group
        self.advanced = advanced

    def get_help_extra(self, ctx: click.Context) -> Any:
        """What click adds to the help, but for the range, which the metavar says."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


def option(
    *names: str, group: str = "Options", advanced: bool = False, **attributes: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``click.option`` with a subject, and whether only ``--help-all`` shows it."""
    return click.option(*names, cls=_TieredOption, group=group, advanced=advanced, **attributes)


class TieredCommand(click.Command):
    """A command whose options were made by :func:`option`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if any(getattr(param, "advanced", False) for param in self.params):
            self.params.append(
                click.Option(
                    ["--help-all"],
                    is_flag=True,
                    is_eager=True,
                    expose_value=False,
                    callback=_print_all,
                    help="Show all options and exit.",
                )
            )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, one section for each subject."""
        sections: dict[str, list[tuple[str, str]]] = {}
        plain: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None or (getattr(param, "advanced", False) and _ALL not in ctx.meta):
                continue
            if isinstance(param, _TieredOption):
                sections.setdefault(param.group, []).append(record)
            elif isinstance(param, click.Option):
                plain.append(record)
        for name, records in [*sections.items(), ("Help", plain)]:
            with formatter.section(name):
                formatter.write_dl(records)


def _print_all(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        ctx.meta[_ALL] = True
        for line in ctx.get_help().split("\n"):
            show(line)
        ctx.exit()
