"""The languages of the dashboards. Superset keeps one text an object, so each language has a set of objects of its own.

English is what the pages, the datasets and dbt say. Each language is a folder of superset/language:
  values.yaml  column to the words for its codes in this language: written out, or taken from the seed that makes them
  *.yaml       English text to its translation; not for English
Names of KPIs come from their dbt metrics, terms from docs/glossary_terms.yml: they are not said again in the folder.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid5

from tenure.dashboards.definitions import read_metrics
from tenure.dashboards.files import read_yaml
from tenure.errors import TenureError

# In the SQL of a dataset: {k.value_tier}, a column whose values have words of their own, {w.top_reasons@}, one that the
# mart has for each language (`top_reasons_zh`), and {' MTD'}, a text.
PLACEHOLDER = re.compile(r"\{(?:(?P<column>\w+\.\w+)|(?P<own>\w+\.\w+)@|'(?P<text>[^']*)')\}")


ENGLISH = "en"
# Words of a column that stand on one line of SQL.
FEW = 4


@dataclass(frozen=True)
class Language:
    """One language: `texts` from English, `values` by column, `own` what the folder itself says.

    `asked` collects the English texts that were looked up, so that a check can name what is missing or unused.
    """

    code: str
    texts: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    asked: set[str] = field(default_factory=set)

    @property
    def is_english(self) -> bool:
        """Whether texts stay as they are, and uuids, names and addresses are the ones written in the files."""
        return self.code == ENGLISH

    @property
    def folder(self) -> str:
        """Where its files stand below superset/assets/charts and the others."""
        return "" if self.is_english else f"{self.code}/"

    def text(self, english: str) -> str:
        """The text in this language; English where the catalogue does not have it, which a check finds."""
        if not self.is_english and english.strip():
            self.asked.add(english)
        return self.texts.get(english, english)

    def named(self, name: str, separator: str) -> str:
        """The name of an object of this language: `kpi_trend` is `kpi_trend_zh`."""
        return name if self.is_english else f"{name}{separator}{self.code}"

    def uuid(self, uuid: str) -> str:
        """The object's uuid in this language."""
        return uuid if self.is_english else str(uuid5(UUID(uuid), self.code))

    def column(self, reference: str) -> str:
        """SQL of a column (`m.value_tier`) whose known values read in this language; others stay as they are."""
        words = self.values.get(reference.rpartition(".")[2])
        if not words:
            return reference
        cases = [f"when {_quoted(value)} then {_quoted(word)}" for value, word in words.items()]
        parts = [f"case {reference}", *cases, f"else {reference} end"]
        return (" " if len(words) < FEW else "\n        ").join(parts)

    def sql(self, text: str) -> str:
        """The SQL with its placeholders filled in."""

        def filled(found: re.Match[str]) -> str:
            if found["column"]:
                return self.column(found["column"])
            if found["own"]:
                return self.named(found["own"], "_")
            word = found["text"].strip()
            return _quoted(found["text"].replace(word, self.text(word)) if word else found["text"])

        return PLACEHOLDER.sub(filled, text)

    def missing(self) -> list[str]:
        """Texts that were looked up and are not translated."""
        return sorted(self.asked - self.texts.keys())

    def unused(self) -> list[str]:
        """Texts of the folder that nobody looked up."""
        return sorted(self.own - self.asked)


def english(root: Path) -> Language:
    """The language of the files: its texts are themselves, and codes have their words."""
    return Language(ENGLISH, values=_values(root, ENGLISH))


def read_languages(root: Path) -> list[Language]:
    """English and the other languages of superset/language. Raises TenureError on a text that is translated twice."""
    folders = sorted(path for path in (root / "superset" / "language").iterdir() if path.is_dir())
    return [english(root), *(_read(root, folder) for folder in folders if folder.name != ENGLISH)]


def code_of(path: str) -> str:
    """The language of an asset file by its path below superset/assets: `charts/zh/vip/care.yaml` is zh."""
    found = re.match(r"\w+/([a-z]{2})/", path)
    return found[1] if found else ENGLISH


def _read(root: Path, folder: Path) -> Language:
    standing = _terms(root) | {metric.label: metric.name_zh for metric in read_metrics(root / "dbt_project").values()}
    own: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name == "values.yaml":
            continue
        said = read_yaml(path)
        if twice := sorted(said.keys() & (own.keys() | standing.keys())):
            raise TenureError(f"{path} translates again what stands elsewhere: {', '.join(twice)}")
        own |= said
    return Language(folder.name, standing | own, _values(root, folder.name), frozenset(own))


def _terms(root: Path) -> dict[str, str]:
    """The glossary's terms, as they begin a label. A term that stands for several words is none to print."""
    terms = {}
    for section in read_yaml(root / "docs" / "glossary_terms.yml"):
        for entry in section["terms"]:
            chinese = _without_brackets(entry["chinese"])
            if "、" not in chinese:
                terms[entry["term"][0].upper() + entry["term"][1:]] = chinese
    return terms


def _values(root: Path, code: str) -> dict[str, dict[str, str]]:
    entries = read_yaml(root / "superset" / "language" / code / "values.yaml")
    return {name: _words(root, entry, "" if code == ENGLISH else f"_{code}") for name, entry in entries.items()}


def _words(root: Path, entry: dict[str, str] | list[str], ending: str) -> dict[str, str]:
    """Value to word: as written, or of seeds named as `seed.column` from that column with the ending, else a _name."""
    if isinstance(entry, dict):
        return entry
    words: dict[str, str] = {}
    for name in entry:
        seed, _, column = name.partition(".")
        with (root / "dbt_project" / "seeds" / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        (own,) = [key for key in rows[0] if ending and key == f"{column}{ending}"] or [
            key for key in rows[0] if key.endswith(f"_name{ending}")
        ]
        words |= {row[column]: _without_brackets(row[own]) for row in rows}
    return words


def _without_brackets(chinese: str) -> str:
    return re.sub("（.*?）", "", chinese)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
