"""One option: a dataclass field with its sentence, its section of ``--help`` and its range."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Self

from elmo_udf.errors import UserError

SECTIONS = (
    *("input", "output", "model", "text", "cleaning", "correction"),
    *("comparison", "query", "evaluation", "classification", "study", "senses"),
    *("corpus", "network", "training", "run"),
)
"""The sections of ``--help`` and of the TOML files, in their order."""


def option(
    help: str,
    default: Any = MISSING,
    *,
    positional: bool = False,
    section: str | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """A dataclass field with the sentence that documents it in ``--help`` and in the TOML file.

    ``section`` is one of SECTIONS; without it, that of the class. The bounds are for numbers, and None is in any range.
    """
    bounds = {"at_least": at_least, "at_most": at_most, "above": above, "below": below}
    metadata = {"help": help, "positional": positional, "section": section, "bounds": bounds}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class OptionGroup:
    """What all groups of options have in common: a section, and checks that every class of the group adds to."""

    def __init_subclass__(cls, section: str | None = None) -> None:
        """``section`` is that of the options which the class defines; an option that it redefines keeps its own."""
        super().__init_subclass__()
        for name, value in vars(cls).items():
            if isinstance(value, Field) and value.metadata["section"] is None:
                bases = (vars(base).get("__dataclass_fields__", {}) for base in cls.__mro__)
                inherited = next((known[name].metadata["section"] for known in bases if name in known), section)
                value.metadata = MappingProxyType({**value.metadata, "section": inherited})

    def __post_init__(self) -> None:
        for item in fields(self):
            value, bounds = getattr(self, item.name), item.metadata["bounds"]
            if value is not None and not _is_within(value, **bounds):
                raise UserError(f"{item.name} is {value}, expected {_range(**bounds)}")

    @classmethod
    def of(cls, options: object, **values: Any) -> Self:
        """The options of this class that ``options`` has too, those in ``values`` replaced."""
        shared = {item.name: getattr(options, item.name) for item in fields(cls) if hasattr(options, item.name)}
        return cls(**shared | values)


def sections_of(options_class: type) -> dict[str, list[Field[Any]]]:
    """The options of a job by section, in the order of SECTIONS; within a section in that of the classes."""
    options = fields(options_class)
    found = {name: [item for item in options if item.metadata["section"] == name] for name in SECTIONS}
    return {name: items for name, items in found.items() if items}


def _is_within(
    value: Any, at_least: float | None, at_most: float | None, above: float | None, below: float | None
) -> bool:
    """Whether no bound is broken; NaN breaks them all."""
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
