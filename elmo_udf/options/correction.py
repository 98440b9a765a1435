"""Options that correct vectors before they are compared."""

from __future__ import annotations

from dataclasses import dataclass

from elmo_udf.errors import UserError
from elmo_udf.options.field import OptionGroup, option


@dataclass(frozen=True, kw_only=True)
class CorrectionOptions(OptionGroup, section="correction"):
    """How vectors are corrected before they are compared. At most one of the last two options can be used.

    The correction is fitted on the table that is compared.
    """

    center: bool = option("Subtract the mean of all vectors, which is the part that they have in common.", False)
    remove_components: int = option(
        "Subtract the mean, then remove this number of principal components.", 0, at_least=0
    )
    whiten: int | None = option(
        "Subtract the mean, then project onto this number of principal components and scale each to variance 1.",
        None,
        at_least=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.remove_components and self.whiten is not None:
            raise UserError(
                f"remove_components is {self.remove_components} and whiten {self.whiten}, expected one of them: "
                "whitening keeps the components that the other option removes; leave one out"
            )

    @property
    def correction_name(self) -> str:
        """The name of the correction: ``none``, ``center``, ``remove-N`` or ``whiten-D``. The last two also center."""
        if self.whiten is not None:
            return f"whiten-{self.whiten}"
        return f"remove-{self.remove_components}" if self.remove_components else "center" if self.center else "none"
