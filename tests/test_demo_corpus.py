"""The corpus of scripts/demo."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
from pathlib import Path

import pytest


def make_corpus(root: Path, output: Path, *flags: str) -> list[dict[str, str]]:
    command = [sys.executable, str(root / "scripts" / "demo_corpus.py"), str(output), *flags]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1, "modules that print while they are imported are kept quiet"
    with output.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def corpus(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    return make_corpus(root, tmp_path_factory.mktemp("corpus") / "corpus.jsonl")


def test_thousands_of_documents_with_ids_and_texts_of_their_own(corpus: list[dict[str, str]]) -> None:
    assert len(corpus) > 3000
    assert {tuple(document) for document in corpus} == {("id", "text")}
    assert collections.Counter(document["id"] for document in corpus).most_common(1)[0][1] == 1
    assert collections.Counter(document["text"] for document in corpus).most_common(1)[0][1] == 1
    assert min(len(document["text"]) for document in corpus) >= 40


def test_topics_modules_classes_methods_and_functions_are_there(corpus: list[dict[str, str]]) -> None:
    texts = {document["id"]: document["text"] for document in corpus}
    assert texts["json.dumps"].startswith("Serialize ``obj`` to a JSON formatted ``str``.")
    assert "import" in texts["topic:import"]
    assert {"json", "json.JSONEncoder", "json.JSONEncoder.default", "builtins.str.lstrip"} <= texts.keys()
    assert not any(name.partition(".")[0] in ("this", "test", "idlelib", "distutils") for name in texts)


def test_a_text_keeps_the_name_of_where_it_was_written(corpus: list[dict[str, str]]) -> None:
    named = {document["text"]: document["id"] for document in corpus}
    assert named["Common base class for all non-exit exceptions."] == "builtins.Exception"


@pytest.mark.slow
def test_the_same_documents_in_the_same_order(root: Path, tmp_path: Path, corpus: list[dict[str, str]]) -> None:
    assert make_corpus(root, tmp_path / "again.jsonl") == corpus


@pytest.mark.slow
def test_a_sample_is_part_of_the_corpus_in_its_order(root: Path, tmp_path: Path, corpus: list[dict[str, str]]) -> None:
    fifty = make_corpus(root, tmp_path / "50.jsonl", "--documents", "50")
    assert len(fifty) == 50
    places = [corpus.index(document) for document in fifty]
    assert places == sorted(places)
    twenty = make_corpus(root, tmp_path / "20.jsonl", "--documents", "20")
    assert all(document in fifty for document in twenty)
