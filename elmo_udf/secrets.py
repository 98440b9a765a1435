"""Keeps passwords and signatures out of what is printed and stored."""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"

_IN_AUTHORITY = re.compile(r"(?<=://)[^/@\s'\"]+(?=@)")
_IN_QUERY = re.compile(
    r"(?i)([?&](?:[\w.-]*(?:signature|credential|token|password|secret|key)[\w.-]*|sig|pwd|auth)=)[^&\s'\"#]+"
)


def without_secrets(value: Any) -> Any:
    """Returns ``value`` with *** in place of user and password, and of signatures and keys, in all addresses.

    Containers are copied; what is neither a text nor a container stays as it is.
    """
    if isinstance(value, str):
        return _IN_QUERY.sub(rf"\g<1>{HIDDEN}", _IN_AUTHORITY.sub(HIDDEN, value))
    if isinstance(value, dict):
        return {name: without_secrets(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(without_secrets(one) for one in value)
    return value
