"""``pgic model``: list, sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..terminal import show
from .command_base import PgicGroup, option
from .value_types import EXISTING_FILE, EXISTING_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["model"]


@click.group(cls=PgicGroup)
def model() -> None:
    """List models, and sign model folders."""


@model.command("list", examples=("pgic model list",))
def list_() -> None:
    """List the models that can be used."""
    from ..models import available_models

    for each in available_models():
        show(each.id, each.digest, "provisional" if each.provisional else "released", str(each.folder))


@model.command(examples=("pgic model sign models/grid-2 --key model.key",))
@click.argument("folder", metavar="FOLDER", type=EXISTING_FOLDER)
@option(
    "--key",
    required=True,
    type=EXISTING_FILE,
    metavar="FILE",
    help="Ed25519 private key, as 'pgic audit key' makes.",
)
def sign(folder: Path, key: Path) -> None:
    """Sign a model folder.

    PGIC_MODEL_PATH then accepts it wherever PGIC_MODEL_KEYS names the public key.
    """
    from ..models.model_trust import sign_model

    show(f"{folder}: signed with key {sign_model(folder, str(key))}")
