"""``pgic plugins``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, get_args

import click

from ..terminal import show, show_json
from .command_base import PgicCommand, option
from .file_facts_output import show_facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..hooks import Plugin

__all__ = ["plugins"]


@click.command(cls=PgicCommand, examples=("pgic plugins", "pgic plugins --json"))
@option("--json", "as_json", is_flag=True, help="One JSON object.")
def plugins(as_json: bool) -> None:
    """List plugins with what they offer and which fields they own, and say why one is broken.

    Adapters and codecs are listed without being loaded. With PGIC_TRACE_PLUGINS=1 in the environment, any
    command shows on standard error which plugins it loads and calls.
    """
    from ..hooks import ENTRY_GROUPS, extension_schemas, installed, offered, plugin_set
    from ..hooks.specs import OfferKind

    found = [*plugin_set().plugins()]
    found += [plugin for group in ENTRY_GROUPS[1:] for plugin in installed(group)]
    offers = {kind: offered(kind) for kind in get_args(OfferKind)}
    fields = {key: (plugin.source, field) for key, (plugin, field) in extension_schemas().items()}
    if as_json:
        show_json(
            {
                "plugins": [asdict(plugin) for plugin in found],
                "offers": offers,
                "fields": {
                    key: {"package": source, **asdict(field)} for key, (source, field) in fields.items()
                },
            }
        )
        return
    for plugin in found:
        show_facts(f"{plugin.name} ({plugin.group})", _describe(plugin))
    if not found:
        show("There are no plugins.")
    for kind, names in offers.items():
        if names:
            show_facts(kind, names.items())
    if fields:
        show_facts("fields", ((key, f"{field.label} ({source})") for key, (source, field) in fields.items()))


def _describe(plugin: Plugin) -> Iterator[tuple[str, str]]:
    if plugin.package:
        yield "package", plugin.source
    yield "module", plugin.target
    if plugin.error:
        yield "broken", plugin.error
    elif plugin.hooks:
        yield "hooks", ", ".join(plugin.hooks)
