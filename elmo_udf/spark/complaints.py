"""Converts Spark's errors about files that it reads to one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException

from elmo_udf.errors import UserError, user_error_in
from elmo_udf.spark import internals

_ABOUT_THE_DATA = ("FAILED_READ_FILE", "MALFORMED", "CANNOT_READ_FILE_FOOTER", "UNABLE_TO_INFER_SCHEMA", "INVALID")
_FOOTER = "ParquetFooterReader.readFooter"  # in the stack; what goes wrong there has no error class in Spark 4.1
_ERROR_CLASS = r"\[[A-Z_.]+\]"

_LOGGERS_OF_FAILED_TASKS = ("org.apache.spark.executor.Executor", "org.apache.spark.scheduler.TaskSetManager")


@contextmanager
def reading(what: str, expected: str, *, quiet: bool = False) -> Iterator[None]:
    """Raises UserError if Spark reports in the block that the files are not what they should be, or if a worker does.

    Other errors pass.

    ``quiet`` keeps Spark's own long messages about it out of the log. It is for blocks that only look at schemas.
    """
    try:
        with internals.silenced(_LOGGERS_OF_FAILED_TASKS) if quiet else nullcontext():
            yield
    except AnalysisException as error:
        raise UserError(_line(what, str(error), expected)) from None
    except (PySparkException, Py4JJavaError) as error:
        if (told := user_error_in(error)) is not None:
            raise told from None
        message = _message(error.java_exception) if isinstance(error, Py4JJavaError) else str(error)
        if not (any(name in message for name in _ABOUT_THE_DATA) or _FOOTER in str(error)):
            raise
        raise UserError(_line(what, message, expected)) from None


def _message(exception: Any) -> str:
    """Returns one line with the first message that has an error class in a chain of causes, and with the root cause."""
    texts: list[str] = []
    while exception is not None:
        text, cause = str(exception.getMessage()), exception.getCause()
        texts.append(" ".join((text.split("\n\tat ")[0] if cause else text).split()))  # without a copy of the stack
        exception = cause
    *causes, root = texts
    classified = [text for text in causes if re.search(_ERROR_CLASS, text)]
    return "; ".join([*classified[:1], root])


def _line(what: str, message: str, expected: str) -> str:
    found = re.search(f"{_ERROR_CLASS} (.*)", message)  # Spark's own words, after the error class
    reason = found[1] if found else message.splitlines()[0]
    return f"{what} can't be read: {reason.rstrip('.')}; expected {expected}; check path and format"
