"""The error for mistakes that the user can correct."""

from __future__ import annotations

import re

MAX_CHARACTERS = 4000
"""The largest length of a message. It may quote text from a file, which can have any length."""


class UserError(ValueError):
    """A mistake in the input, an option or a model, which the user can correct.

    The message is one line. It names the thing, what was found, what was expected and what to do. Jobs print it and
    exit with code 2. Users of the library can catch it; it is a ValueError.
    """

    def __init__(self, message: str) -> None:
        """Joins the lines of the message, escapes control characters, and shortens the message if it is too long."""
        line = " ".join(line.strip() for line in message.splitlines() if line.strip())
        if len(line) > MAX_CHARACTERS:  # what to do stands at the end
            line = f"{line[: MAX_CHARACTERS // 2]} [...] {line[-MAX_CHARACTERS // 2 + 7 :]}"
        super().__init__("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line))


class LaterFormat(UserError):
    """A later version of the program wrote the table or file, in a format that this version does not know."""


def user_error_in(error: Exception) -> UserError | None:
    """Returns the UserError that ``error`` is or reports, or None.

    If a Python worker raised it, Spark's error contains its traceback, whose last line names the UserError.
    """
    if isinstance(error, UserError):
        return error
    told = re.findall(rf"^{__name__}\.(?:UserError|LaterFormat): (.+)$", str(error), re.MULTILINE)
    return UserError(told[-1]) if told else None
