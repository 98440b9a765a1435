"""The API pages: they describe what users import, and a reference that leads nowhere fails."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from api_pages import build

import elmo_udf
from elmo_udf.ml import ElmoEmbedder, TextCleaner

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    assert build(folder) == 0
    return folder


def described(page: Path) -> set[str]:
    return set(re.findall(r'<dt class="sig [^>]*id="([\w.]+)"', page.read_text("utf-8")))


def test_everything_that_users_import_is_described(pages: Path) -> None:
    found = described(pages / "index.html") | described(pages / "models.html")
    assert found >= {f"elmo_udf.{name}" for name in elmo_udf.__all__ if name != "__version__"}
    assert described(pages / "ml.html") >= {"elmo_udf.ml.ElmoEmbedder", "elmo_udf.ml.TextCleaner"}
    assert f"elmo-udf {elmo_udf.__version__}" in (pages / "index.html").read_text("utf-8")


def test_options_and_params_are_described(pages: Path) -> None:
    text = (pages / "ml.html").read_text("utf-8")
    for stage in (ElmoEmbedder(), TextCleaner()):
        for param in stage.params:
            assert f"<strong>{param.name}</strong>" in text
    assert "<strong>max_sentence_tokens</strong>" in (pages / "index.html").read_text("utf-8")


def test_references_are_links(pages: Path) -> None:
    assert 'href="index.html#elmo_udf.elmo_udf"' in (pages / "ml.html").read_text("utf-8")


def test_a_reference_that_leads_nowhere_fails(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source = shutil.copytree(root / "docs" / "api", tmp_path / "source")
    monkeypatch.setattr(elmo_udf.compare, "__doc__", "Does as :func:`elmo_udf.not_there` does.")
    assert build(tmp_path / "pages", source) != 0
    assert "reference target not found: elmo_udf.not_there" in capfd.readouterr().err
