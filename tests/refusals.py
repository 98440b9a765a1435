"""How tests say that bad input is refused as users should see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from elmo_udf.errors import UserError


@contextmanager
def refused(*words: str) -> Iterator[None]:
    """What runs here must raise a UserError of one line that has all ``words``."""
    with pytest.raises(UserError) as caught:
        yield
    message = str(caught.value)
    assert message and "\n" not in message
    for word in words:
        assert word in message
