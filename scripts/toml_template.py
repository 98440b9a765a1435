"""Makes the commented TOML file of a job from its dataclass of options."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import MISSING, Field
from types import MappingProxyType
from typing import Any

from elmo_udf.flags import Kind, kind_of
from elmo_udf.options import sections_of


def template(options_class: type, title: str, preset: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Returns a commented TOML file with every option at its value in ``preset``, or else at its default.

    An option that has neither is commented out.
    """
    lines = [f"# {title}", "# Options on the command line take precedence. Commented options have no default.", ""]
    for section, items in sections_of(options_class).items():
        lines += [f"# ---- {section} ----", ""]
        for item in items:
            lines += [*_entry(item, kind_of(options_class, item), preset.get(item.name, item.default)), ""]
    return "\n".join(lines)


def _entry(item: Field[Any], kind: Kind, value: Any) -> list[str]:
    """Returns the lines of one option in a TOML file."""
    lines = textwrap.wrap(item.metadata["help"], 120, initial_indent="# ", subsequent_indent="# ")
    if kind.choices:
        lines.append(f"# One of: {', '.join(kind.choices)}.")
    if value is MISSING or value is None:
        return [*lines, f"# {item.name} = {_toml(_example(kind))}"]
    return [*lines, f"{item.name} = {_toml(value)}"]


def _example(kind: Kind) -> Any:
    return kind.choices[0] if kind.choices else {str: "...", int: 1, float: 0.5}.get(kind.scalar, "...")


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
