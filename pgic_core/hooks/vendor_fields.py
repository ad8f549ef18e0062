"""Vendors' extension fields (A.4): what they add to a file, and what they say about one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import PgiOptionError
from ..extension_keys import is_extension_key
from .calling import call_each, warn
from .specs import Field
from .trace import brief

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .loading import Plugin

__all__ = ["ShownField", "collect_extension_fields", "extension_schemas", "read_extension_fields"]

_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bytes": (bytes, bytearray, memoryview),
    "list": (list, tuple),
    "map": (Mapping,),
}


@dataclass(frozen=True, slots=True)
class ShownField:
    """A vendor's field, as ``pgic info`` shows it.

    Attributes:
        key: full key.
        value: as stored.
        label: name for people; the key if the vendor's package is not installed.
        text: value for people; the raw value if the package is not installed.
        package: who explained it, or "".
        problems: what is wrong with the value, plain sentences.
    """

    key: str
    value: object
    label: str
    text: str
    package: str = ""
    problems: tuple[str, ...] = ()


def extension_schemas() -> dict[str, tuple[Plugin, Field]]:
    """The fields that installed plugins know, by key, with the plugin whose they are."""
    schemas: dict[str, tuple[Plugin, Field]] = {}
    for plugin, schema in call_each("extension_schema", {}, _checked_schema):
        for key, field in schema.items():
            owner = schemas.setdefault(key, (plugin, field))[0]
            if owner is not plugin:
                warn(plugin, "extension_schema", f"claims the field {key}, which {owner.source} has already.")
    return schemas


def collect_extension_fields(
    image: NDArray[Any],
    given: Mapping[str, object],
    accept: Callable[[Mapping[str, object]], object],
) -> dict[str, object]:
    """The fields to store with a picture: those of the caller, then what plugins add.

    A plugin may only add fields of its own schema. What a caller gives stands against what a plugin would
    write. A plugin's answer that is wrong is left out with a :class:`.PgiPluginWarning`.

    Args:
        image: the picture as it will be coded; plugins get copies of it.
        given: the caller's fields.
        accept: raises if fields cannot be stored.

    Raises:
        PgiOptionError: a field of the caller has the wrong type for its schema, or its plugin says that
            it is wrong.
    """
    schemas = extension_schemas()
    fields = dict(given)
    for key, sentences in _problems(fields, schemas).items():
        raise PgiOptionError(f"The extension field {key} is wrong: {sentences[0]}")

    def checked(answer: object) -> dict[str, object]:
        if not isinstance(answer, Mapping):
            raise TypeError(f"it must return a mapping, not {brief(answer)}")
        added = {key: value for key, value in answer.items() if key not in given}
        for key in added:
            if key not in schemas:
                raise ValueError(f"it adds the field {key!r}, which is in no schema")
        accept({**fields, **added})
        return added

    for plugin, added in call_each("write_extension", {"image": image, "fields": given}, checked):
        foreign = [key for key in added if schemas[key][0].name != plugin.name]
        wrong = _problems(added, schemas)
        if foreign:
            warn(plugin, "write_extension", f"was passed over: the field {foreign[0]} is not its own.")
        elif wrong:
            key, sentences = next(iter(wrong.items()))
            warn(plugin, "write_extension", f"was passed over: its field {key} is wrong: {sentences[0]}")
        else:
            fields |= added
    return fields


def read_extension_fields(extension: Mapping[str, object]) -> dict[str, ShownField]:
    """What a file's vendor fields mean, by key. Nothing here raises: a picture opens whatever they hold.

    Args:
        extension: fields as stored.
    """
    if not extension:
        return {}
    schemas = extension_schemas()
    problems = _problems(extension, schemas)
    shown = {}
    for key, value in extension.items():
        label, text, package = key, _raw_text(value), ""
        if key in schemas:
            plugin, field = schemas[key]
            label, package = field.label, plugin.source
            text = f"{text} {field.unit}".strip()
        shown[key] = ShownField(key, value, label, text, package, tuple(problems.get(key, ())))
    for plugin, own in _own_fields(extension, schemas):
        sound = {key: value for key, value in own.items() if key not in problems}
        for _, texts in call_each("read_extension", {"fields": sound}, _checked_texts, {plugin.name}):
            for key in texts.keys() & sound.keys():
                old = shown[key]
                shown[key] = ShownField(key, old.value, old.label, texts[key], old.package, old.problems)
    return shown


def _problems(
    fields: Mapping[str, object], schemas: Mapping[str, tuple[Plugin, Field]]
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for plugin, own in _own_fields(fields, schemas):
        sound = {}
        for key, value in own.items():
            kind = schemas[key][1].type
            if isinstance(value, _TYPES[kind]) and (kind == "bool" or not isinstance(value, bool)):
                sound[key] = value
            else:
                found[key] = [f"It must be of type {kind}, not {brief(value)}."]
        if sound:
            answers = call_each("validate_extension", {"fields": sound}, _checked_texts, {plugin.name})
            for _, sentences in answers:
                for key in sentences.keys() & sound.keys():
                    found.setdefault(key, []).append(sentences[key])
    return found


def _own_fields(
    fields: Mapping[str, object], schemas: Mapping[str, tuple[Plugin, Field]]
) -> list[tuple[Plugin, dict[str, object]]]:
    owners: dict[str, tuple[Plugin, dict[str, object]]] = {}
    for key, value in fields.items():
        if key in schemas:
            plugin = schemas[key][0]
            owners.setdefault(plugin.name, (plugin, {}))[1][key] = value
    return list(owners.values())


def _checked_schema(answer: object) -> Mapping[str, Field]:
    if not isinstance(answer, Mapping):
        raise TypeError(f"it must return a mapping, not {brief(answer)}")
    for key, field in answer.items():
        if not isinstance(key, str) or not is_extension_key(key) or key.startswith("pgic."):
            raise ValueError(f"{key!r} is not a key of a vendor: it must look like 'vendor.name'")
        if not isinstance(field, Field) or field.type not in _TYPES:
            raise TypeError(f"the schema of {key} must be a Field with one of the types {', '.join(_TYPES)}")
    return answer


def _checked_texts(answer: object) -> Mapping[str, str]:
    if not isinstance(answer, Mapping) or not all(
        isinstance(item, str) for pair in answer.items() for item in pair
    ):
        raise TypeError(f"it must return a mapping of text to text, not {brief(answer)}")
    return answer


def _raw_text(value: object) -> str:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_raw_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_raw_text, value)) + "]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
