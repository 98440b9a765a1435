"""Turns the address of a model's page on Hugging Face or Kaggle into the handle of the model."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

_HUGGING_FACE = re.compile(r"/(?P<model>[^/]+/[^/]+)(/tree/(?P<revision>[^/]+))?/?")
_KAGGLE = re.compile(  # today's addresses, and those of the time when TF-Hub's models moved
    r"/models/(?P<model>[^/]+/[^/]+)/(frameworks/)?(?P<framework>[^/]+)/(variations/)?(?P<variation>[^/]+)"
    r"(/(versions/)?(?P<version>[0-9]+))?/?"
)


def handle_of_page(address: str) -> str:
    """Returns the hf: or kaggle: handle of the model that a page shows. Other addresses are returned as they are."""
    try:
        parts = urlsplit(address)
    except ValueError:  # no address at all
        return address
    host = (parts.hostname or "").removeprefix("www.")
    if parts.scheme not in ("http", "https"):
        return address
    if host in ("huggingface.co", "hf.co") and (page := _HUGGING_FACE.fullmatch(parts.path)):
        return f"hf:{page['model']}" + (f"@{unquote(page['revision'])}" if page["revision"] else "")
    if host == "kaggle.com" and (page := _KAGGLE.fullmatch(parts.path)):
        framework = page["framework"][0].lower() + page["framework"][1:]  # pages spell it TensorFlow1, too
        version = f"/{page['version']}" if page["version"] else ""
        return f"kaggle:{page['model']}/{framework}/{page['variation']}{version}"
    return address
