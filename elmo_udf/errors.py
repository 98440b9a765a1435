"""The error for mistakes that the user can correct."""

from __future__ import annotations

import errno
import os
import re

MAX_CHARACTERS = 4000
"""The largest length of a message. It may quote text from a file, which can have any length."""


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, ends of lines, changes of direction, and parts of characters."""


def printable(text: str) -> str:
    """Returns the text on one line, with escapes in place of what would control a terminal."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(message: str) -> str:
    """Joins the lines of the message, escapes control characters, and shortens the message if it is too long."""
    line = " ".join(line.strip() for line in message.splitlines() if line.strip())
    if len(line) > MAX_CHARACTERS:  # what to do stands at the end
        line = f"{line[: MAX_CHARACTERS // 2]} [...] {line[-MAX_CHARACTERS // 2 + 7 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


class UserError(ValueError):
    """A mistake in the input, an option or a model, which the user can correct.

    The message is one line. It names the thing, what was found, what was expected and what to do. Jobs print it and
    exit with code 2. Users of the library can catch it; it is a ValueError.
    """

    def __init__(self, message: str) -> None:
        """Makes the message one line that can be printed."""
        super().__init__(one_line(message))


class ReportInTheWay(UserError):
    """A report would be written over something else. It must not be written, not even to say so."""


class LaterFormat(UserError):
    """A later version of the program wrote the table or file, in a format that this version does not know."""


class ResourceError(RuntimeError):
    """The system refuses something that a job needs: room on a disk, the right to write.

    The message is one line. Jobs print it and exit with code 1: when the cause is gone, the same command is right.
    """

    def __init__(self, message: str) -> None:
        """Makes the message one line that can be printed."""
        super().__init__(one_line(message))


def user_error_in(error: Exception) -> UserError | None:
    """Returns the UserError that ``error`` is or reports, or None.

    If a Python worker raised it, Spark's error contains its traceback, whose last line names the UserError.
    """
    if isinstance(error, UserError):
        return error
    told = re.findall(rf"^{__name__}\.(?:UserError|LaterFormat): (.+)$", str(error), re.MULTILINE)
    return UserError(told[-1]) if told else None


_NO_RESOURCE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE}
_SAID = "|".join(re.escape(os.strerror(number)) for number in sorted(_NO_RESOURCE - {errno.EPERM}))


def resource_error_in(error: BaseException | None) -> ResourceError | None:
    """Returns the ResourceError that ``error`` is or comes from, or None.

    Disks that are full, and files that may not be written, are found behind errors of Python and of Java.
    """
    text, what = str(error), "make room or give the right to, and run the same command again"
    while error is not None:
        if isinstance(error, ResourceError):
            return error
        if isinstance(error, OSError) and error.errno in _NO_RESOURCE:
            return ResourceError(f"path {error.filename!r}: {error.strerror}; {what}")
        error = error.__cause__ or error.__context__
    if found := re.search(rf"^.*(?:{_SAID}).*$", text, re.MULTILINE):
        return ResourceError(f"{found[0].strip()}; {what}")
    return None
