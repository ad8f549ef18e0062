"""``pgic encrypt`` and ``pgic decrypt``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from .command_base import PgicCommand, option
from .file_facts_output import pgi_sources
from .file_options import output_options, run_options
from .key_options import key_options, recipient_options
from .paths import PGI_SUFFIXES, STREAM, place_targets, split_output
from .photo_io import read_stdin
from .running import Losses, Run, change_each, run_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..security.keyring import KeyLike
    from ..security.recipients import Recipient
    from .batch import Progress
    from .file_options import OutputOptions, RunOptions
    from .paths import Target

__all__ = ["decrypt", "encrypt"]


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic encrypt photo.pgi -o sealed.pgi --to anna.pub",
        "pgic encrypt photo.pgi -o sealed.pgi --to anna.pub --to preview:ben.pub",
        "pgic encrypt coded -o sealed --to team.pub",
        "pgic encrypt sealed.pgi --add --key anna.key --to carla.pub --tier preview",
        "pgic encrypt sealed.pgi -o new.pgi --rekey --key anna.key --to anna.pub",
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT... [OUTPUT.pgi]")
@recipient_options
@option(
    "--add",
    is_flag=True,
    group="Encryption",
    help="Let more people open an encrypted file, in place; --key opens it.",
)
@option(
    "--rekey",
    is_flag=True,
    group="Encryption",
    help="Encrypt an encrypted file anew; --key opens it, and only those named by --to can open the new one.",
)
@option(
    "--pad",
    is_flag=True,
    group="Encryption",
    advanced=True,
    help="Hide exact sizes, for up to 12 % more bytes.",
)
@key_options(advanced=False)
@partial(output_options, demanded=True)
@run_options
def encrypt(
    inputs: tuple[str, ...],
    outputs: OutputOptions,
    running: RunOptions,
    recipients: list[Recipient] | None,
    keys: list[KeyLike],
    add: bool,
    rekey: bool,
    pad: bool,
) -> None:
    """Encrypt .pgi files for the owners of keys.

    The pictures are not coded again. Metadata, EXIF and XMP are encrypted too; width, height, kind of
    picture, sizes and the ids of the keys stay readable. To remove somebody, use --rekey: it makes a new file
    that their key does not open. It cannot take back what was opened before.

    Of a sequence, all frames are encrypted, one by one. Change frames have the tiers metadata and full alone.

    INPUT is a .pgi file, a pattern, a folder with all folders below it, or - for standard input.
    """
    if recipients is None:
        raise click.UsageError("Say for whom: --to NAME.pub ('pgic keygen NAME' makes one), or --policy.")
    if add and rekey:
        raise click.UsageError("--add and --rekey contradict each other.")
    if add:
        if outputs.output is not None or pad:
            raise click.UsageError("--add changes the files in place; it takes neither -o nor --pad.")
        _add(inputs, recipients, keys)
        return
    if keys and not rekey:
        raise click.UsageError("--key opens a file that is encrypted; say --rekey or --add.")
    _run(inputs, outputs, running, _Encrypting(recipients, keys, rekey, pad))


@click.command(
    cls=PgicCommand,
    examples=(
        "pgic decrypt sealed.pgi -o photo.pgi --key anna.key",
        "pgic decrypt sealed -o plain --key anna.key",
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT... [OUTPUT.pgi]")
@key_options(advanced=False)
@partial(output_options, demanded=True)
@run_options
def decrypt(
    inputs: tuple[str, ...], outputs: OutputOptions, running: RunOptions, keys: list[KeyLike]
) -> None:
    """Turn encrypted .pgi files into plain ones.

    Decrypting takes a key of the tier full. To look at a picture you need not decrypt its file:
    'pgic decode --key' and 'pgic info --key' do it in memory.

    INPUT is a .pgi file, a pattern, a folder with all folders below it, or - for standard input.
    """
    _run(inputs, outputs, running, _Decrypting(keys))


def _run(
    inputs: Sequence[str],
    outputs: OutputOptions,
    running: RunOptions,
    work: Callable[[Target, Progress], str],
) -> None:
    arguments, output = split_output(inputs, outputs.output, PGI_SUFFIXES)
    if output is None or output == STREAM:
        raise click.UsageError("Say where the result goes: -o FILE.pgi, or -o FOLDER for several.")
    targets = place_targets(pgi_sources(arguments), output, PGI_SUFFIXES[0], PGI_SUFFIXES)
    run = Run.plan(len(targets), running)
    run_targets(targets, work, run, outputs, Losses(strict=False, quiet=run.quiet))


def _add(inputs: Sequence[str], recipients: list[Recipient], keys: list[KeyLike]) -> None:
    from ..api import add_recipients

    change_each(inputs, lambda name, progress: add_recipients(name, recipients, keys=keys, progress=progress))


@dataclass(frozen=True, slots=True)
class _Encrypting:
    """Encrypts files, one for each call.

    Attributes:
        recipients: of each.
        keys: that open them, for ``rekey``.
        rekey: whether they are encrypted already.
        pad: hide exact sizes.
    """

    recipients: list[Recipient]
    keys: list[KeyLike]
    rekey: bool
    pad: bool

    def __call__(self, target: Target, progress: Progress) -> str:
        """Make ``target``, and return the line to say about it."""
        from ..api import encrypt as encrypt_file
        from ..api import rekey as rekey_file

        source, name = _source(target), target.name
        how: dict[str, Any] = {"pad": self.pad, "replace": target.replace, "progress": progress}
        if self.rekey:
            rekey_file(source, name, self.recipients, keys=self.keys, **how)
        else:
            encrypt_file(source, name, self.recipients, **how)
        return f"{target.source.name} -> {target.name}: encrypted for {len(self.recipients)}"


@dataclass(frozen=True, slots=True)
class _Decrypting:
    """Decrypts files, one for each call.

    Attributes:
        keys: that open them.
    """

    keys: list[KeyLike]

    def __call__(self, target: Target, progress: Progress) -> str:
        """Make ``target``, and return the line to say about it."""
        from ..api import decrypt as decrypt_file

        source = _source(target)
        decrypt_file(source, target.name, keys=self.keys, replace=target.replace, progress=progress)
        return f"{target.source.name} -> {target.name}: decrypted"


def _source(target: Target) -> str | bytes:
    return read_stdin() if target.source.name == STREAM else target.source.name
