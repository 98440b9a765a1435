"""Presents the clusters of a word's occurrences as a table, a picture and a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from elmo_udf.plots.senses import draw_senses
from elmo_udf.words.clusters import Clusters, agreement, clustered, projected, typical_words
from elmo_udf.words.occurrences import LABEL, PLACE, Occurrences
from elmo_udf.words.options import SensesOptions

TYPICAL_WORDS = 4
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Separation:
    """Occurrences with their clusters, coordinates and typical words.

    They are on a plane (n, 2), with its shares of the variance (2,). Each cluster has up to TYPICAL_WORDS typical
    words.
    """

    occurrences: Occurrences
    clusters: Clusters
    places: np.ndarray
    shares: np.ndarray
    typical: list[list[str]]

    @staticmethod
    def of(occurrences: Occurrences, options: SensesOptions) -> Separation:
        """Returns the occurrences divided into clusters."""
        clusters = clustered(occurrences.unit, options.k, options.seed)
        typical = typical_words(occurrences.sentences, clusters.labels, options.word, TYPICAL_WORDS)
        return Separation(occurrences, clusters, *projected(occurrences.unit), typical)

    def table(self) -> pa.Table:
        """Returns a table with one row per occurrence.

        Its columns are those of the place, ``token``, ``cluster``, ``cosine`` (with the mean of the cluster), ``x``,
        ``y``, ``sentence`` (the words around it), and ``label`` if senses are known.
        """
        rows, clusters = self.occurrences.rows, self.clusters
        columns = {name: rows[name] for name in (*PLACE, "token")}
        columns |= {"cluster": pa.array(clusters.labels.astype(np.int32)), "cosine": pa.array(clusters.cosines)}
        columns |= {"x": pa.array(self.places[:, 0]), "y": pa.array(self.places[:, 1])}
        columns["sentence"] = pa.array([self.occurrences.context(i) for i in range(len(self.occurrences))])
        return pa.table(columns | ({"label": rows[LABEL]} if LABEL in rows.column_names else {}))

    def draw(self, path: str, title: str) -> None:
        """Writes the picture, and creates its folder if needed."""
        names = []
        for cluster, (n, words) in enumerate(zip(self.clusters.sizes, self.typical, strict=True)):
            names.append(f"cluster {cluster}: {n} occurrences" + (f"\n{', '.join(words)}" if words else ""))
        senses = self.occurrences.senses
        shapes = None if senses is None else [UNKNOWN if sense is None else sense for sense in senses]
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        draw_senses(self.places, self.clusters.labels, names, self.shares, path, title, shapes)

    def report(self, n_examples: int) -> dict[str, Any]:
        """Returns how well the clusters are separated, what they contain, and how they agree with the known senses."""
        from sklearn.metrics import silhouette_score

        silhouette = silhouette_score(self.occurrences.unit, self.clusters.labels, metric="cosine")
        report: dict[str, Any] = {
            "silhouette": round(float(silhouette), 4),
            "variance_shown": round(float(self.shares.sum()), 4),
        }
        if self.occurrences.senses is not None:
            report |= _beside_known(self.clusters.labels, self.occurrences.senses)
        report["clusters"] = [
            {"cluster": cluster, "occurrences": n, "typical_words": " ".join(words)}
            for cluster, (n, words) in enumerate(zip(self.clusters.sizes, self.typical, strict=True))
        ]
        return report | {"examples": self._examples(n_examples)}

    def _examples(self, n: int) -> list[dict[str, Any]]:
        """Returns the occurrences of each cluster that are nearest to its mean."""
        found = []
        for cluster in range(len(self.clusters.sizes)):
            members = np.flatnonzero(self.clusters.labels == cluster)
            for i in map(int, members[np.argsort(-self.clusters.cosines[members], kind="stable")][:n]):
                place = {name: self.occurrences.rows[name][i].as_py() for name in PLACE}
                cosine, sentence = float(self.clusters.cosines[i]), self.occurrences.context(i)
                found.append({"cluster": cluster, **place, "cosine": cosine, "sentence": sentence})
        return found


def _beside_known(labels: np.ndarray, senses: list[str | None]) -> dict[str, Any]:
    """Returns how many occurrences of each known sense each cluster has, and the share that agrees."""
    known = [(int(label), sense) for label, sense in zip(labels, senses, strict=True) if sense is not None]
    if not known:
        return {"labels_known": 0}
    names = [sense for _, sense in known]
    clusters = range(int(labels.max()) + 1)
    counts = [
        {"label": name} | {f"cluster_{cluster}": known.count((cluster, name)) for cluster in clusters}
        for name in sorted(set(names))
    ]
    return {
        "labels_known": len(known),
        "agreement": round(agreement(np.array([label for label, _ in known]), names), 4),
        "most_frequent_label": round(max(map(names.count, set(names))) / len(names), 4),
        "labels": counts,
    }
