"""What is done to vectors before they are compared."""

from __future__ import annotations

from dataclasses import dataclass

from elmo_udf.errors import UserError
from elmo_udf.options.field import OptionGroup, option


@dataclass(frozen=True, kw_only=True)
class CorrectionOptions(OptionGroup, section="correction"):
    """What is done to vectors before they are compared, fit on the table at hand; at most one of the last two."""

    center: bool = option("subtract the mean of the table's vectors, which all have in common", False)
    remove_components: int = option("center, and take away the first n principal components", 0, at_least=0)
    whiten: int | None = option(
        "center, and project onto the first d principal components, scaled to variance 1", None, at_least=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.remove_components and self.whiten is not None:
            raise UserError(
                f"remove_components is {self.remove_components} and whiten {self.whiten}, expected one of them: "
                "whitening keeps the components that the other takes away; leave one out"
            )

    @property
    def correction_name(self) -> str:
        """``none``, ``center``, ``remove-N`` or ``whiten-D``; the last two center as well."""
        if self.whiten is not None:
            return f"whiten-{self.whiten}"
        return f"remove-{self.remove_components}" if self.remove_components else "center" if self.center else "none"
