"""Defines an option: a dataclass field with a help text, a section of ``--help`` and a range."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Self

from elmo_udf.errors import UserError

SECTIONS = (
    *("input", "output", "model", "text", "cleaning", "correction"),
    *("comparison", "query", "evaluation", "classification", "study", "senses"),
    *("corpus", "network", "training", "job"),
)
"""The sections of ``--help`` and of the TOML files, in order."""


def option(
    help: str,
    default: Any = MISSING,
    *,
    positional: bool = False,
    may_be_empty: bool = False,
    section: str | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """Returns a dataclass field with the text that explains it in ``--help`` and in the TOML file.

    may_be_empty: whether an empty string is a value. As a rule, it is what an unset variable of a script leaves.
    section: one of SECTIONS, or None for the section of the class.
    at_least, at_most, above, below: bounds of a number. By default, a whole number must fit Spark's int. None is
        always allowed as a value.
    """
    bounds = {"at_least": at_least, "at_most": at_most, "above": above, "below": below}
    metadata = {"help": help, "positional": positional, "section": section, "bounds": bounds}
    metadata["may_be_empty"] = may_be_empty
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class OptionGroup:
    """Base class of all groups of options. It adds a section, and checks that each subclass can extend."""

    def __init_subclass__(cls, section: str | None = None) -> None:
        """Gives the options that the class defines their section. An option that it redefines keeps its own."""
        super().__init_subclass__()
        for name, value in vars(cls).items():
            if isinstance(value, Field) and value.metadata["section"] is None:
                bases = (vars(base).get("__dataclass_fields__", {}) for base in cls.__mro__)
                inherited = next((known[name].metadata["section"] for known in bases if name in known), section)
                value.metadata = MappingProxyType({**value.metadata, "section": inherited})

    def __post_init__(self) -> None:
        for item in fields(self):
            check_value(item, getattr(self, item.name), item.name)

    @classmethod
    def of(cls, options: object, **values: Any) -> Self:
        """Returns an instance of this class with the values that ``options`` has too, except those in ``values``."""
        shared = {item.name: getattr(options, item.name) for item in fields(cls) if hasattr(options, item.name)}
        return cls(**shared | values)


def sections_of(options_class: type) -> dict[str, list[Field[Any]]]:
    """Returns the options of a job by section, in the order of SECTIONS.

    Within a section, that of the classes counts.
    """
    options = fields(options_class)
    found = {name: [item for item in options if item.metadata["section"] == name] for name in SECTIONS}
    return {name: items for name, items in found.items() if items}


def check_value(item: Field[Any], value: Any, name: str) -> None:
    """Raises UserError for an empty string that is no value, and for a number outside of the option's range.

    ``name`` is that of the option in the message.
    """
    if "" in (value if isinstance(value, tuple) else (value,)) and not item.metadata["may_be_empty"]:
        raise UserError(f"{name} is empty, expected a value; give one, or leave out the option; is a variable not set?")
    bounds = item.metadata["bounds"]
    if value is not None and not _is_within(value, **bounds):
        raise UserError(f"{name} is {quoted(value)}, expected {_range(**bounds)}")
    if isinstance(value, int) and bounds["at_most"] is None and not -(2**31) <= value < 2**31:
        raise UserError(f"{name} is {quoted(value)}, expected a number between -2147483648 and 2147483647")


def quoted(value: Any) -> str:
    """Returns a value as it is shown in messages."""
    try:
        return repr(value)
    except ValueError:  # which Python raises for integers that would take it long to write
        return "a number with thousands of digits"


def _is_within(
    value: Any, at_least: float | None, at_most: float | None, above: float | None, below: float | None
) -> bool:
    """Returns whether the value respects all bounds. NaN respects none."""
    return (
        (at_least is None or value >= at_least)
        and (at_most is None or value <= at_most)
        and (above is None or value > above)
        and (below is None or value < below)
    )


def _range(at_least: float | None, at_most: float | None, above: float | None, below: float | None) -> str:
    if at_least is not None and at_most is not None:
        return f"{at_least:,} to {at_most:,}"
    if at_least is not None and below is not None:
        return f"a share from {at_least} to below {below}"
    if at_least is not None:
        return f"at least {at_least:,}"
    return f"at most {at_most:,}" if at_most is not None else f"a number above {above}"
