"""The one error that is the user's to mend."""

from __future__ import annotations

import re

MAX_CHARACTERS = 4000
"""Of a message. What is quoted in it may be a file's, and of any length."""


class UserError(ValueError):
    """Bad input, a bad option or a bad model.

    The message is one line that names the thing, what was found, what was expected and what to do.
    Jobs print it and exit with 2; library users catch it (it is a ValueError).
    """

    def __init__(self, message: str) -> None:
        """Join the lines that another library's message brought along; escape what a terminal would obey; cut."""
        line = " ".join(line.strip() for line in message.splitlines() if line.strip())
        if len(line) > MAX_CHARACTERS:  # what to do stands at the end
            line = f"{line[: MAX_CHARACTERS // 2]} [...] {line[-MAX_CHARACTERS // 2 + 7 :]}"
        super().__init__("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line))


class LaterFormat(UserError):
    """A later version of the program wrote the table or file, in a format that this version does not know."""


def user_error_in(error: Exception) -> UserError | None:
    """The mistake of the user's that ``error`` is, or tells of: what a Python worker raised ends a traceback in it."""
    if isinstance(error, UserError):
        return error
    told = re.findall(rf"^{__name__}\.(?:UserError|LaterFormat): (.+)$", str(error), re.MULTILINE)
    return UserError(told[-1]) if told else None
