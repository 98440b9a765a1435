"""Makes command-line flags, TOML files and ``--help`` from the dataclasses of options."""

from __future__ import annotations

import argparse
import difflib
import math
import re
import tomllib
import types
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from elmo_udf.errors import UserError
from elmo_udf.options import SECTIONS, paths_of, sections_of
from elmo_udf.options.field import check_value, quoted

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Options = TypeVar("Options", bound="DataclassInstance")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")

    def format_help(self) -> str:
        """Returns the help, which begins with what the job does. argparse would begin with the usage."""
        description, self.description = self.description, None
        try:
            return f"{description}\n\n{super().format_help()}" if description else super().format_help()
        finally:
            self.description = description


class _Once(argparse.Action):
    """Stores a value, and raises UserError for a second one: the first would be lost without a word."""

    def __call__(self, parser: object, namespace: argparse.Namespace, value: Any, flag: str | None = None) -> None:
        _check_first(namespace, self.dest, flag)
        setattr(namespace, self.dest, value)


class _Switch(argparse.BooleanOptionalAction):
    """The same for a flag without a value and its ``--no-`` form."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, flag: str | None = None
    ) -> None:
        _check_first(namespace, self.dest, flag)
        super().__call__(parser, namespace, values, flag)


class _Several(argparse.Action):
    """Collects the values of a flag that may be repeated, in a tuple where there are several or a list."""

    def __call__(self, parser: object, namespace: argparse.Namespace, value: Any, flag: str | None = None) -> None:
        before = getattr(namespace, self.dest, ())
        if isinstance(value, str):  # of an option that takes one or more
            setattr(namespace, self.dest, (*paths_of(before), value) if before else value)
        else:
            setattr(namespace, self.dest, (*before, *value))


def _check_first(namespace: argparse.Namespace, name: str, flag: str | None) -> None:
    if getattr(namespace, name, None) is not None:
        raise UserError(f"{flag} is given more than once (option {name}), expected once; leave out one of them")


def parse(options_class: type[Options], argv: Sequence[str], description: str = "") -> Options:
    """Returns the options from ``argv``, from the TOML file of ``--config`` and from defaults, in this order.

    Raises UserError for any mistake in them.
    """
    parser = make_parser(options_class, description)
    given = {name: value for name, value in vars(parser.parse_args(list(argv))).items() if value is not None}
    config = given.pop("config", None)
    for name, value in given.items():
        _check_size("--" + name.replace("_", "-"), value)
    values = {**(read_toml(options_class, config) if config else {}), **given}
    missing = [item for item in _required(options_class) if item.name not in values]
    if missing:
        shown = ", ".join(_shown(item, kind_of(options_class, item)) for item in missing)
        raise UserError(f"missing {shown}; give it on the command line or in the file of --config")
    return options_class(**values)


def make_parser(options_class: type[Options], description: str = "") -> argparse.ArgumentParser:
    """Returns the parser of a job.

    Its help shows the required options first, then a group for each section. The group of the options that every job
    has is the last one.
    """
    required = _required(options_class)
    usage = " ".join(["%(prog)s", *(_usage(item, kind_of(options_class, item)) for item in required), "[options]"])
    parser = _Parser(usage=usage, description=description, allow_abbrev=False, add_help=False)
    group = parser.add_argument_group("required options (on the command line or in the file of --config)")
    for item in required:
        _add_argument(group, item, kind_of(options_class, item))
    for section, items in sections_of(options_class).items():
        group = parser.add_argument_group(f"{section} options")
        if section == SECTIONS[-1]:
            group.add_argument("-h", "--help", action="help", help="Show this help.")
            text = "Read options from this file. Options on the command line take precedence."
            group.add_argument("--config", metavar="FILE.toml", help=text, action=_Once)
        for item in items:
            if item not in required:
                _add_argument(group, item, kind_of(options_class, item))
    return parser


def _required(options_class: type[Options]) -> list[Field[Any]]:
    """Returns the options without a default, in the order of their sections, with the positional one first."""
    options = [item for items in sections_of(options_class).values() for item in items if item.default is MISSING]
    return sorted(options, key=lambda item: not item.metadata["positional"])


def _usage(item: Field[Any], kind: Kind) -> str:
    """Returns how a required option is written in the usage line."""
    return _shown(item, kind) if item.metadata["positional"] else f"{_shown(item, kind)} {_metavar(item, kind)}"


def read_toml(options_class: type[Options], path: str) -> dict[str, Any]:
    """Returns the options in a TOML file. Raises UserError for unknown names and wrong types."""
    try:
        values = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise UserError(f"config file {path!r} can't be read: {error.strerror}; expected a TOML file") from None
    except (ValueError, RecursionError) as error:  # ValueError: no TOML, no UTF-8, or an integer of thousands of digits
        raise UserError(f"config file {path!r} is not TOML: {error}") from None
    return check_values(options_class, values, f"config file {path!r}")


def check_values(options_class: type, values: dict[str, Any], where: str) -> dict[str, Any]:
    """Returns the values with lists converted to tuples.

    Raises UserError for unknown names and wrong types. ``where`` names the place of the values in the message.
    """
    known = {f.name: f for f in fields(options_class)}
    checked = {}
    for name, value in values.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise UserError(f"{where}: unknown option {name!r}; {hint}")
        optional = value is None and known[name].default is None
        checked[name] = None if optional else _checked(kind_of(options_class, known[name]), value, f"{where}: {name}")
        check_value(known[name], checked[name], f"{where}: {name}")
    return checked


class Kind:
    """How one option is parsed: its scalar type, whether it is a list, or may be one, and its choices."""

    def __init__(self, hint: Any) -> None:
        parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
        hint, *others = (part for part in parts if part is not type(None))
        self.one_or_more = bool(others)
        self.choices: tuple[str, ...] = get_args(hint) if get_origin(hint) is Literal else ()
        self.many = get_origin(hint) is tuple
        self.scalar: type = str if self.choices or self.many else hint


def kind_of(options_class: type, item: Field[Any]) -> Kind:
    """Returns how an option of this class is parsed."""
    return Kind(_hints(options_class)[item.name])


@cache
def _hints(options_class: type) -> dict[str, Any]:
    return get_type_hints(options_class)


def _add_argument(group: argparse._ArgumentGroup, item: Field[Any], kind: Kind) -> None:
    settings: dict[str, Any] = {
        "help": (item.metadata["help"] + _repetition(kind) + _default(item)).replace("%", "%%"),
        "default": argparse.SUPPRESS,
        "metavar": _metavar(item, kind),
    }
    if kind.scalar is bool:
        del settings["metavar"]
        settings["action"] = _Switch
    elif kind.many:
        settings |= {"type": _parts, "action": _Several}
    elif kind.one_or_more:
        settings |= {"type": str, "action": _Several}
    else:
        settings |= {"type": kind.scalar, "choices": kind.choices or None, "action": _Once}
    if item.metadata["positional"]:
        # None where it is not given: Python 3.11 checks SUPPRESS itself against the choices of a positional
        group.add_argument(item.name, nargs="?", **settings | {"default": None})
    else:
        group.add_argument("--" + item.name.replace("_", "-"), **settings)


def _metavar(item: Field[Any], kind: Kind) -> str:
    if kind.choices:
        return "|".join(kind.choices)
    return "A,B,..." if kind.many else {int: "N", float: "X"}.get(kind.scalar, item.name.upper())


_PART = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,]*?))\s*(?:,|$)')


def _parts(text: str) -> tuple[str, ...]:
    """Returns the parts between commas. A part in double quotes may hold commas, as in CSV."""
    found = (match for match in _PART.finditer(text) if match.end() > match.start())
    parts = (match[2] if match[1] is None else match[1].replace('""', '"') for match in found)
    return tuple(part for part in parts if part)


def _repetition(kind: Kind) -> str:
    """Returns the sentence about a flag that may be given more than once, or an empty string."""
    if kind.many:
        return " Separate several by commas, or repeat the flag."
    return " Repeat the flag for several." if kind.one_or_more else ""


def _default(item: Field[Any]) -> str:
    """Returns the sentence about the default, or an empty string if there is none or if it is off."""
    value = item.default
    if value is MISSING or value in (None, ()):
        return ""
    if isinstance(value, bool):
        return " Default: on." if value else ""
    return f" Default: {','.join(value) if isinstance(value, tuple) else value}."


def _checked(kind: Kind, value: Any, where: str) -> Any:
    may_be_list = kind.many or (kind.one_or_more and value != [])
    if may_be_list and isinstance(value, list) and all(isinstance(part, str) for part in value):
        _check_size(where, tuple(value))
        return tuple(value)
    if kind.scalar is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise UserError(f"{where} is {quoted(value)}, expected a number that fits a float") from None
    if kind.many or type(value) is not kind.scalar:
        expected = "a list of strings" if kind.many else _NOUNS[kind.scalar]
        raise UserError(f"{where} is {quoted(value)}, expected {expected}")
    if kind.choices and value not in kind.choices:
        raise UserError(f"{where} is {value!r}, expected one of {', '.join(kind.choices)}")
    _check_size(where, value)
    return value


_NOUNS: dict[type, str] = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def _check_size(where: str, value: Any) -> None:
    """Raises UserError for NaN, and for strings that are not valid text."""
    if isinstance(value, float) and math.isnan(value):
        raise UserError(f"{where} is {value}, expected a number")
    for text in value if isinstance(value, tuple) else (value,):
        if isinstance(text, str) and ("\0" in text or any("\ud800" <= character <= "\udfff" for character in text)):
            raise UserError(f"{where} is {text!r}, expected text in UTF-8 without NUL")


def _shown(item: Field[Any], kind: Kind) -> str:
    return "|".join(kind.choices) if item.metadata["positional"] else "--" + item.name.replace("_", "-")
