"""Any string as a document: its vectors, whatever company it is in, or a reason."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import strategies as st

from elmo_udf.embedding.documents import embed_documents
from elmo_udf.embedding.layout import Layout
from elmo_udf.network.engine import Network
from elmo_udf.text.characters import character_ids
from elmo_udf.text.tokenizer import Tokenizer
from tests import numpy_elmo
from tests.fuzzing import run_cases
from tests.make_models import random_model

MODEL = random_model(11)
N_TOGETHER = 16
ODD = (
    "\0", "\ud800", "\udfff", "\u202e", "\u200d", "\ufeff", "\ufffd", "\uffff", "a\u0301\u0302\u0303",
    "\u2028", "\r\n", "\t",
    "👩‍👩‍👧", "🇩🇪", "שלום", "مرحبا", "日本語。", "...", "!?!?", "'", '"', "&amp;", "<b>", "%s", "{0}", "\\u0041",
    "$(ls)",
    "@-@", "Mr. ", "U.S.A.", "1,000.5", "word " * 60, "x" * 200, "\u0300" * 100, "http://a.b/c?d=e", " ",
    "\u00a0", "\u3000",
    "0" * 60, "e.g. ", "﷽", "ı", "ß", "ﬃ", "\U0010ffff",
)  # fmt: skip

any_text = st.text(st.characters(), max_size=60) | st.lists(st.sampled_from(ODD), max_size=8).map("".join)


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(MODEL)


def test_any_string(network: Network) -> None:
    reasons: set[str | None] = set()

    def check(texts: list[str], tokenizer: str, language: str, level: str) -> None:
        layout = Layout.of(MODEL.options, ["elmo"], level=level)
        embed = partial(embed_documents, encoder=network, layout=layout, tokenizer=Tokenizer(tokenizer, language))
        found = list(embed(texts))
        assert len(found) == len(texts)
        for document in found:
            assert document.reason in (None, "blank_text")
            assert np.isfinite(document.vectors).all()
            assert bool(len(document.vectors)) == (document.reason is None) == bool(document.tokenized.sentences)
        assert (character_ids(texts) >= 1).all() and (character_ids(texts) <= 261).all()
        others = reversed(list(embed(texts[::-1])))
        for document, other in zip(found, others, strict=True):
            np.testing.assert_allclose(document.vectors, other.vectors, atol=1e-5)
        if level == "document" and 0 < found[0].tokenized.n_tokens < 60:
            layers = [numpy_elmo.layers(MODEL, sentence)["elmo"] for sentence in found[0].tokenized.sentences]
            np.testing.assert_allclose(found[0].vectors[0], np.concatenate(layers).mean(axis=0), atol=1e-5)
        reasons.update(document.reason for document in found)

    run_cases(
        "documents",
        check,
        of=N_TOGETHER,
        texts=st.lists(any_text, min_size=N_TOGETHER, max_size=N_TOGETHER),
        tokenizer=st.sampled_from(["words", "whitespace"]),
        language=st.sampled_from(["en", "de", "zh", "he", "fi", "ga", "ta"]),
        level=st.sampled_from(["document", "sentence", "token"]),
    )
    assert reasons == {None, "blank_text"}
