"""No reader of the watch list ever sees the name of a column."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from ml.params import load_params

ROOT = Path(__file__).resolve().parents[2]


def test_every_feature_of_the_warehouse_has_words_of_its_own() -> None:
    params = load_params()
    table = ROOT / "dbt_project" / "models" / "features" / "subscription_features.yml"
    model = yaml.safe_load(table.read_text(encoding="utf-8"))["models"][0]
    features = {column["name"] for column in model["columns"]} - {*params.features.keys, *params.features.excluded}
    worded = {name for entry in params.reasons.catalogue for name in entry.features}
    assert len(features) > 40
    assert features - worded == set()


def test_every_sentence_says_the_same_values_in_chinese() -> None:
    texts = [text for entry in load_params().reasons.catalogue for text in entry.texts]
    assert len(texts) > 40
    for text in texts:
        assert re.findall(r"\{[^}]*\}", text.zh) == re.findall(r"\{[^}]*\}", text.text), text.text
        assert not text.zh.isascii(), text.text
