"""What the engine's benchmarks run on is what they say it is."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "scripts" / "benchmarks"


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import published

    return published


def test_the_published_network_takes_205_million_operations_a_token(published: ModuleType) -> None:
    assert published.operations_per_token(published.SIZES["original"]) == pytest.approx(205e6, rel=0.005)


def test_templated_lines_differ_in_two_places(published: ModuleType) -> None:
    lines = published.templated_text(2000)
    assert len({tuple(line) for line in lines}) == len(lines) == 2000
    assert {len(line) for line in lines} <= set(range(12, 21))
    templates = {
        tuple(word for i, word in enumerate(line) if i not in (len(line) // 2, len(line) * 5 // 6)) for line in lines
    }
    assert len(templates) == 50


def test_natural_text_is_at_hand_without_any_data(published: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """3,000 sentences of more than 60,000 tokens, from the standard library."""
    monkeypatch.setattr(published, "SENTENCES", Path("not-there"))
    text = published.natural_text(3100)
    assert len(text) >= 3000 and sum(map(len, text)) > 60_000
