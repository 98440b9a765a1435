"""Lemmas of simplemma beside those of spaCy with spacy-lookups-data: how many are right, and how fast.

    python scripts/benchmarks/lemmas.py --peer PYTHON [--quick]

PYTHON is that of an environment with spacy and spacy-lookups-data. The words and their lemmas were chosen by hand
before either library was asked; a word that has several by its sentence counts with any of them. spaCy's other way to
lemmas, by rules, needs a trained tagger, which is downloaded for every language, and is not compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

RESULTS = Path(__file__).parent / "results" / "lemmas.json"

GOLD = {
    "en": "mice:mouse children:child feet:foot geese:goose knives:knife wolves:wolf boxes:box cities:city "
    "phones:phone batteries:battery analyses:analysis criteria:criterion women:woman teeth:tooth went:go "
    "gone:go was:be were:be been:be has:have had:have did:do does:do bought:buy thought:think taught:teach "
    "ran:run running:run stopped:stop stopping:stop tries:try tried:try dying:die lying:lie written:write "
    "broke:break broken:break hates:hate loved:love using:use charging:charge updated:update better:good|well "
    "best:good|well worse:bad worst:bad bigger:big happier:happy happiest:happy easily:easily news:news "
    "this:this always:always bus:bus",
    "de": "Häuser:Haus Kinder:Kind Bücher:Buch Büchern:Buch Männer:Mann Frauen:Frau Städte:Stadt Mäuse:Maus "
    "Äpfel:Apfel Tage:Tag Autos:Auto Zeitungen:Zeitung Handys:Handy Gästen:Gast Wörter:Wort ging:gehen "
    "gegangen:gehen lief:laufen gelaufen:laufen schrieb:schreiben geschrieben:schreiben las:lesen "
    "gelesen:lesen war:sein ist:sein sind:sein hatte:haben gehabt:haben wurde:werden konnte:können "
    "mochten:mögen kaufte:kaufen gekauft:kaufen arbeitet:arbeiten schönes:schön schöner:schön größer:groß "
    "besser:gut besten:gut kleine:klein neuen:neu alten:alt gute:gut schnellsten:schnell wichtige:wichtig",
    "fr": "chevaux:cheval animaux:animal yeux:œil|oeil enfants:enfant maisons:maison journaux:journal femmes:femme "
    "voitures:voiture bateaux:bateau jeux:jeu travaux:travail était:être étaient:être sont:être "
    "suis:être|suivre ai:avoir avait:avoir vont:aller allé:aller irons:aller fait:faire faisait:faire "
    "pris:prendre prennent:prendre mangé:manger mangeait:manger finissent:finir vendu:vendre lisait:lire "
    "écrit:écrire dit:dire peuvent:pouvoir voulait:vouloir grande:grand belle:beau|bel vieille:vieux "
    "nouvelles:nouveau|nouvelle blanche:blanc heureuse:heureux petits:petit fraîche:frais longues:long",
    "es": "perros:perro casas:casa niños:niño mujeres:mujer ciudades:ciudad luces:luz peces:pez veces:vez "
    "árboles:árbol canciones:canción era:ser fueron:ser|ir fuimos:ser|ir es:ser está:estar estaban:estar "
    "tengo:tener tuvo:tener dijo:decir dicho:decir hace:hacer hizo:hacer hecho:hacer puede:poder pudo:poder "
    "quiero:querer quiso:querer comiendo:comer comieron:comer escrito:escribir escribió:escribir leyendo:leer "
    "durmió:dormir viene:venir buena:bueno buenos:bueno rojas:rojo grandes:grande pequeña:pequeño "
    "felices:feliz mejores:mejor bonitas:bonito",
    "it": "case:casa libri:libro uomini:uomo amici:amico città:città mani:mano giorni:giorno ragazzi:ragazzo "
    "uova:uovo macchine:macchina era:essere sono:essere è:essere siamo:essere ho:avere aveva:avere "
    "andato:andare vado:andare andiamo:andare fatto:fare faceva:fare fanno:fare detto:dire diceva:dire "
    "preso:prendere prende:prendere scritto:scrivere legge:leggere|legge letto:leggere|letto visto:vedere "
    "vedono:vedere mangiando:mangiare mangiato:mangiare dormono:dormire venuto:venire bella:bello belli:bello "
    "grandi:grande piccola:piccolo nuove:nuovo vecchi:vecchio rossa:rosso",
}
"""word:lemma, or word:lemma|lemma, by language."""


def by_simplemma(words: list[str], language: str) -> list[str]:
    """Lemmas as the step ``lemmas`` has them."""
    from elmo_udf.cleaning import lemmatize

    return [lemmatize(word, language) for word in words]


def by_spacy(words: list[str], language: str) -> list[str]:
    """Lemmas of a blank pipeline with spaCy's tables."""
    import spacy
    from spacy.tokens import Doc

    nlp = _spacy(spacy, language)
    return [nlp(Doc(nlp.vocab, words=[word]))[0].lemma_ for word in words]


def _spacy(spacy: Any, language: str) -> Any:
    nlp = spacy.blank(language)
    nlp.add_pipe("lemmatizer", config={"mode": "lookup"})
    nlp.initialize()
    return nlp


def measure(library: str, n_texts: int) -> dict[str, Any]:
    """Shares of right lemmas by language, and the words a second in running English text."""
    lemmas = {"simplemma": by_simplemma, "spacy": by_spacy}[library]
    shares, wrong = {}, {}
    for language, pairs in GOLD.items():
        gold = dict(pair.split(":") for pair in pairs.split())
        found = dict(zip(gold, lemmas(list(gold), language), strict=True))
        missed = [f"{w}: {found[w]}" for w, right in gold.items() if found[w].lower() not in right.lower().split("|")]
        shares[language], wrong[language] = round(1 - len(missed) / len(gold), 3), missed
    texts = list(topics.values())[:n_texts]
    started = time.perf_counter()
    if library == "simplemma":
        from elmo_udf.cleaning import lemmatize

        for text in texts:
            lemmatize(text, "en")
    else:
        import spacy

        nlp = _spacy(spacy, "en")
        started = time.perf_counter()  # without the loading of the tables, which simplemma has in its time above
        for text in texts:
            "".join(token.lemma_ + token.whitespace_ for token in nlp(text))
    seconds = time.perf_counter() - started
    n_words = sum(len(text.split()) for text in texts)
    names = ["simplemma"] if library == "simplemma" else ["spacy", "spacy-lookups-data"]
    return {
        "right": shares,
        "words_per_s": round(n_words / seconds),
        "versions": {name: version(name) for name in names},
        "wrong": wrong,
    }


def main() -> None:
    """Measure, print, and write the results of both (not with --quick)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peer", metavar="PYTHON", help="of the environment with spacy and spacy-lookups-data")
    parser.add_argument("--only", choices=["simplemma", "spacy"], help="measure one, here, and print JSON")
    parser.add_argument("--quick", action="store_true", help="a few texts; results are not written")
    arguments = parser.parse_args()
    n_texts = 3 if arguments.quick else 80
    if arguments.only:
        print(json.dumps(measure(arguments.only, n_texts)))
        return
    found = {"simplemma": measure("simplemma", n_texts)}
    if arguments.peer:
        command = [arguments.peer, __file__, "--only", "spacy", *(["--quick"] if arguments.quick else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found["spacy"] = json.loads(done.stdout)
    for library, numbers in found.items():
        print(library, numbers["right"], f"{numbers['words_per_s']:,} words/s", file=sys.stderr)
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    n_words = {language: len(pairs.split()) for language, pairs in GOLD.items()}
    if arguments.peer and not arguments.quick:
        RESULTS.write_text(json.dumps({"machine": machine, "n_words": n_words} | found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
