"""The command group."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from ..terminal import printable, say, show
from .command_base import PgicGroup
from .limit_options import limit_options, limited

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["app"]

# name -> module, what `pgic --help` says. A module is imported when its command is used.
_COMMANDS = {
    "encode": ("pgic_core.cli.encode", "Encode photos as .pgi files."),
    "decode": ("pgic_core.cli.decode", "Turn .pgi files into PNG, JPEG, TIFF, WebP or NumPy files."),
    "append": ("pgic_core.cli.sequences", "Append photos to a sequence."),
    "split": ("pgic_core.cli.split", "Make single .pgi files of the frames of a sequence."),
    "info": ("pgic_core.cli.info", "Show what .pgi files contain."),
    "verify": ("pgic_core.cli.verify", "Check every byte of .pgi files."),
    "protect": ("pgic_core.cli.protection_and_repair", "Add parity, from which lost bytes are restored."),
    "repair": ("pgic_core.cli.protection_and_repair", "Restore damaged .pgi files from their parity."),
    "replicate": (
        "pgic_core.cli.protection_and_repair",
        "Keep a second copy of files, and repair damage in either.",
    ),
    "watermark": ("pgic_core.cli.watermark", "Embed invisible ids in pictures, and find them."),
    "audit": ("pgic_core.cli.audit", "Show, check and watch the audit log."),
    "meta": ("pgic_core.cli.meta", "Show or change metadata without coding pixels again."),
    "keygen": ("pgic_core.cli.keygen", "Make a pair of keys for encrypted files."),
    "encrypt": ("pgic_core.cli.encrypt", "Encrypt .pgi files for the owners of keys."),
    "decrypt": ("pgic_core.cli.encrypt", "Turn encrypted .pgi files into plain ones."),
    "sign": ("pgic_core.cli.sign", "Sign .pgi files."),
    "timestamp": ("pgic_core.cli.timestamp", "Get a time stamp on a signature."),
    "c2pa": ("pgic_core.cli.c2pa", "Write and check C2PA manifests beside .pgi files."),
    "policy": ("pgic_core.cli.policy", "Sign or show who gets which tier of encrypted files."),
    "features": ("pgic_core.cli.features", "Encode and decode deep feature maps."),
    "model": ("pgic_core.cli.model", "List models, and sign model folders."),
    "plugins": ("pgic_core.cli.plugins", "List plugins, and say why one is broken."),
    "evaluate": ("pgic_core.cli.evaluate", "Compare codecs on a folder of pictures, as one page."),
    "judge": ("pgic_core.cli.judge", "Make a page for judging pictures by eye, blind."),
    "soak": ("pgic_core.cli.soak", "Encode and decode for hours, and watch memory, files and threads."),
    "conformance": ("pgic_core.cli.conformance", "Show the demands of the standard, and which are met."),
    "bench": ("pgic_core.cli.bench", "Measure quality, rate, speed and memory against other codecs."),
}


class _LazyGroup(PgicGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(_COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """The context, whose errors quote what was typed."""
        with _printable_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        try:
            with _printable_errors():
                return super().invoke(ctx)
        except KeyboardInterrupt:  # before or after the work on files, which handles it itself
            say("pgic: interrupted")
            sys.exit(130)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


@contextmanager
def _printable_errors() -> Iterator[None]:
    """Click prints errors itself, and a shell's pattern may have typed a file's name for an option."""
    try:
        yield
    except click.ClickException as error:
        vars(error)["message"] = printable(error.message)
        raise


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    import numpy
    import PIL

    from .. import __version__
    from ..container import FORMAT_VERSION
    from ..errors import PgiError
    from ..models import available_models, engine_description

    show(f"pgic {__version__}, format {FORMAT_VERSION >> 8}.{FORMAT_VERSION & 255}")
    try:
        for model in available_models():
            show(f"model {model.id} {model.digest} ({'provisional' if model.provisional else 'released'})")
    except PgiError as error:
        show(f"models: {error}")
    try:
        show(f"engine {engine_description()}")
    except ImportError as error:
        show(f"engine: none ({error})")
    show(f"with NumPy {numpy.__version__}, Pillow {PIL.__version__}")
    ctx.exit()


@click.group(
    cls=_LazyGroup,
    epilog="'pgic COMMAND --help' explains a command; --help-all shows its rarer options too.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the versions of pgic, its models and its engine, and exit.",
)
@limit_options
@click.pass_context
def app(ctx: click.Context, limits: tuple[str, ...], unlimited: bool) -> None:
    """Learned image coding for power-grid inspection photos (.pgi)."""
    ctx.with_resource(limited(limits, unlimited))
