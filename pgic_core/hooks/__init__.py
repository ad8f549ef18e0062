"""Plugins (entry-point group ``pgic``): hooks for vendors' fields, ROI models, steps, recognisers and keys.

A plugin is a module or an object with functions marked ``@hookimpl``; ``HOOKS.md`` beside this file lists the
hooks. Plugins are loaded when a hook is first needed.
"""

from .calling import PgiPluginWarning, plugin_set, running_calls
from .entry_points import installed, load_entry
from .loading import ENTRY_GROUPS, Plugin, PluginSet
from .offers import find_key, find_roi, offered, preprocess_image, recognise_objects
from .specs import Field, hookimpl
from .vendor_fields import ShownField, collect_extension_fields, extension_schemas, read_extension_fields

__all__ = [
    "ENTRY_GROUPS",
    "Field",
    "PgiPluginWarning",
    "Plugin",
    "PluginSet",
    "ShownField",
    "collect_extension_fields",
    "extension_schemas",
    "find_key",
    "find_roi",
    "hookimpl",
    "installed",
    "load_entry",
    "offered",
    "plugin_set",
    "preprocess_image",
    "read_extension_fields",
    "recognise_objects",
    "running_calls",
]
