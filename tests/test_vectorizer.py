"""ElmoVectorizer in scikit-learn's pipelines."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from elmo_udf import Elmo, ElmoVectorizer, UserError
from elmo_udf.options import ModelOptions
from tests.make_models import random_model
from tests.model_files import write_folder

TEXTS = ["The kettle boils.", "A kettle.", "The moon and the tides.", "The moon.", "Kettles boil.", "Tides."]
LABELS = [0, 0, 1, 1, 0, 1]


@pytest.fixture(scope="module")
def handle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_folder(random_model(11), tmp_path_factory.mktemp("model") / "elmo"))


@pytest.mark.filterwarnings("ignore")
def test_checks_of_scikit_learn() -> None:
    check_estimator(ElmoVectorizer("builtin:untrained"))


def test_vectors_are_those_of_encode(handle: str) -> None:
    vectorizer = ElmoVectorizer(handle, layer="lstm_outputs1", pooling="max", normalize=True)
    expected = Elmo(handle).encode(TEXTS, layer="lstm_outputs1", pooling="max", normalize=True)
    for fitted in (vectorizer, clone(vectorizer), pickle.loads(pickle.dumps(vectorizer.fit(TEXTS)))):
        np.testing.assert_allclose(fitted.fit_transform(TEXTS), expected, atol=1e-6)
        assert fitted.get_params() == vectorizer.get_params()
    assert len(pickle.dumps(vectorizer)) < 2000
    assert list(vectorizer.get_feature_names_out()) == [f"elmo{i}" for i in range(expected.shape[1])]


def test_params_are_the_model_options() -> None:
    params = ElmoVectorizer().get_params()
    assert params.pop("missing") == "error"
    defaults = vars(ModelOptions())
    assert params == {name: value for name, value in defaults.items() if name != "level"}


def test_in_a_pipeline_beside_tfidf(handle: str) -> None:
    union = FeatureUnion([("elmo", ElmoVectorizer(handle)), ("tfidf", TfidfVectorizer())])
    pipeline = make_pipeline(union, LogisticRegression())
    search = GridSearchCV(pipeline, {"featureunion__elmo__layer": ["elmo", "word_emb"]}, cv=2, error_score="raise")
    search.fit(TEXTS, LABELS)
    assert search.predict(TEXTS).tolist() == LABELS
    names = union.fit(TEXTS).get_feature_names_out()
    assert {"elmo__elmo0", "tfidf__kettle"} <= set(names)
    assert union.transform(TEXTS).shape == (len(TEXTS), len(names))


def test_missing_texts(handle: str) -> None:
    texts = [*TEXTS, ""]
    with pytest.raises(UserError, match=r"text 6 \(counted from 0\) has no vector"):
        ElmoVectorizer(handle).fit_transform(texts)
    filled = make_pipeline(ElmoVectorizer(handle, missing="nan"), SimpleImputer()).fit_transform(texts)
    assert np.isfinite(filled).all()


def test_mistakes_are_named_when_it_is_fit(handle: str) -> None:
    with pytest.raises(UserError, match="layer 'top' is not in the model"):
        ElmoVectorizer(handle, layer="top").fit(TEXTS)
    with pytest.raises(UserError, match="expected an iterable of texts"):
        ElmoVectorizer(handle).transform("a text")
