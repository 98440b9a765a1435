"""From a frozen dataclass of options to flags and a TOML file."""

from __future__ import annotations

import argparse
import difflib
import json
import math
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from elmo_udf.errors import UserError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Options = TypeVar("Options", bound="DataclassInstance")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def parse(options_class: type[Options], argv: Sequence[str], description: str = "") -> Options:
    """Flags over the TOML file of ``--config`` over defaults. Raises UserError for any mistake in them."""
    parser = _Parser(description=description, allow_abbrev=False)
    parser.add_argument("--config", metavar="FILE.toml", help="options from a file; flags win", default=None)
    for item in fields(options_class):
        _add_argument(parser, item, _kind(options_class, item))
    given = {name: value for name, value in vars(parser.parse_args(list(argv))).items() if value is not None}
    config = given.pop("config", None)
    for name, value in given.items():
        _check_size("--" + name.replace("_", "-"), value)
    values = {**(read_toml(options_class, config) if config else {}), **given}
    missing = [f for f in fields(options_class) if f.default is MISSING and f.name not in values]
    if missing:
        missing.sort(key=lambda item: not item.metadata["positional"])
        shown = ", ".join(_shown(item, _kind(options_class, item)) for item in missing)
        raise UserError(f"missing {shown}; give it on the command line or in the file of --config")
    return options_class(**values)


def read_toml(options_class: type[Options], path: str) -> dict[str, Any]:
    """Options from a TOML file, checked against the dataclass: unknown names and wrong types are refused."""
    try:
        values = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise UserError(f"config file {path!r} can't be read: {error.strerror}; expected a TOML file") from None
    except (ValueError, RecursionError) as error:  # ValueError: no TOML, no UTF-8, or an integer of thousands of digits
        raise UserError(f"config file {path!r} is not TOML: {error}") from None
    return check_values(options_class, values, f"config file {path!r}")


def check_values(options_class: type, values: dict[str, Any], where: str) -> dict[str, Any]:
    """The values, with lists made tuples. Raises UserError for unknown names and wrong types; names ``where``."""
    known = {f.name: f for f in fields(options_class)}
    checked = {}
    for name, value in values.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise UserError(f"{where}: unknown option {name!r}; {hint}")
        optional = value is None and known[name].default is None
        checked[name] = None if optional else _checked(_kind(options_class, known[name]), value, f"{where}: {name}")
    return checked


def template(options_class: type, title: str, preset: Mapping[str, Any] = MappingProxyType({})) -> str:
    """The commented TOML file with every option at its value in ``preset`` or its default; the others commented out."""
    lines = [f"# {title}", "# Flags on the command line win over this file. Commented lines have no default.", ""]
    for item in fields(options_class):
        kind = _kind(options_class, item)
        lines.append(f"# {item.metadata['help']}")
        if kind.choices:
            lines.append(f"# one of: {', '.join(kind.choices)}")
        value = preset.get(item.name, item.default)
        if value is MISSING or value is None:
            lines.append(f"# {item.name} = {_toml(kind.example)}")
        else:
            lines.append(f"{item.name} = {_toml(value)}")
        lines.append("")
    return "\n".join(lines)


class _Kind:
    """How one option is parsed: its scalar type, whether it is a list, its choices."""

    def __init__(self, hint: Any) -> None:
        if get_origin(hint) in (Union, types.UnionType):
            hint = next(part for part in get_args(hint) if part is not type(None))
        self.choices: tuple[str, ...] = get_args(hint) if get_origin(hint) is Literal else ()
        self.many = get_origin(hint) is tuple
        self.scalar: type = str if self.choices or self.many else hint

    @property
    def example(self) -> Any:
        return self.choices[0] if self.choices else {str: "...", int: 1, float: 0.5}.get(self.scalar, "...")


def _kind(options_class: type, item: Field[Any]) -> _Kind:
    return _Kind(_hints(options_class)[item.name])


@cache
def _hints(options_class: type) -> dict[str, Any]:
    return get_type_hints(options_class)


def _add_argument(parser: argparse.ArgumentParser, item: Field[Any], kind: _Kind) -> None:
    default = "" if item.default is MISSING or item.default in (None, ()) else f" (default: {item.default})"
    settings: dict[str, Any] = {
        "help": (item.metadata["help"] + default).replace("%", "%%"),
        "default": argparse.SUPPRESS,
    }
    if kind.scalar is bool:
        settings["action"] = argparse.BooleanOptionalAction
    elif kind.many:
        settings |= {
            "type": lambda text: tuple(part.strip() for part in text.split(",") if part.strip()),
            "metavar": "a,b",
        }
    else:
        settings |= {"type": kind.scalar, "choices": kind.choices or None}
    if item.metadata["positional"]:
        # None where it is not given: Python 3.11 checks SUPPRESS itself against the choices of a positional
        parser.add_argument(item.name, nargs="?", **settings | {"default": None})
    else:
        parser.add_argument("--" + item.name.replace("_", "-"), **settings)


def _checked(kind: _Kind, value: Any, where: str) -> Any:
    if kind.many and isinstance(value, list) and all(isinstance(part, str) for part in value):
        _check_size(where, tuple(value))
        return tuple(value)
    if kind.scalar is float and type(value) is int:
        _check_size(where, value)
        return float(value)
    if kind.many or type(value) is not kind.scalar:
        expected = "a list of strings" if kind.many else f"a {kind.scalar.__name__}"
        raise UserError(f"{where} is {_quoted(value)}, expected {expected}")
    if kind.choices and value not in kind.choices:
        raise UserError(f"{where} is {value!r}, expected one of {', '.join(kind.choices)}")
    _check_size(where, value)
    return value


def _quoted(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:  # which Python raises for integers that would take it long to write
        return "a number of thousands of digits"


def _check_size(where: str, value: Any) -> None:
    """Refuse numbers that are no int of Spark's, NaN, and strings that are no text and can name no file."""
    if isinstance(value, int) and not -(2**31) <= value < 2**31:
        raise UserError(f"{where} is {_quoted(value)}, expected a number between -2147483648 and 2147483647")
    if isinstance(value, float) and math.isnan(value):
        raise UserError(f"{where} is {value}, expected a number")
    for text in value if isinstance(value, tuple) else (value,):
        if isinstance(text, str) and ("\0" in text or any("\ud800" <= character <= "\udfff" for character in text)):
            raise UserError(f"{where} is {text!r}, expected text in UTF-8 without NUL")


def _shown(item: Field[Any], kind: _Kind) -> str:
    return "|".join(kind.choices) if item.metadata["positional"] else "--" + item.name.replace("_", "-")


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
