"""Spark's complaints about what it reads, as one line of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException

from elmo_udf.errors import UserError
from elmo_udf.spark import internals

_ABOUT_THE_DATA = ("FAILED_READ_FILE", "MALFORMED", "CANNOT_READ_FILE_FOOTER", "UNABLE_TO_INFER_SCHEMA", "INVALID")

_LOGGERS_OF_FAILED_TASKS = ("org.apache.spark.executor.Executor", "org.apache.spark.scheduler.TaskSetManager")


@contextmanager
def reading(what: str, expected: str, *, quiet: bool = False) -> Iterator[None]:
    """UserError where Spark says in the block that the files are not what they should be; other errors pass.

    ``quiet`` keeps Spark's own pages about it out of the log: for blocks that only look at schemas.
    """
    try:
        with internals.silenced(_LOGGERS_OF_FAILED_TASKS) if quiet else nullcontext():
            yield
    except AnalysisException as error:
        raise UserError(_line(what, str(error), expected)) from None
    except (PySparkException, Py4JJavaError) as error:
        message = _messages(error.java_exception) if isinstance(error, Py4JJavaError) else str(error)
        if not any(name in message for name in _ABOUT_THE_DATA):
            raise
        raise UserError(_line(what, message, expected)) from None


def _messages(exception: Any) -> str:
    """What an exception of Java says, then what the one says that began it, on one line."""
    first, cause = exception, exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    words = [str(first.getMessage()), *([] if cause is first else [str(cause.getMessage())])]
    return "; ".join(" ".join(text.split()) for text in words)


def _line(what: str, message: str, expected: str) -> str:
    found = re.search(r"\[[A-Z_.]+\] (.*)", message)  # Spark's own words, after the error class
    reason = found[1] if found else message.splitlines()[0]
    return f"{what} can't be read: {reason.rstrip('.')}; expected {expected}; check path and format"
