"""Model files: the same bytes everywhere, and nothing of a bad one is loaded."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io as sio

from ml.churn import ChurnClassifier
from ml.errors import ModelFileError
from ml.model_file import load_model, save_model, signature_path
from tenure.settings import ROOT, Settings
from tests.ml.public_data import churn_set

SMALL: dict[str, Any] = {"boosting": {"max_iter": 30}, "forest": {"n_estimators": 5}, "blend_folds": 2}

FIT_AND_HASH = """
import hashlib
from ml.churn import ChurnClassifier
from ml.model_file import model_bytes
from tests.ml.public_data import churn_set
frame, left = churn_set("wa_churn")
model = ChurnClassifier(boosting={"max_iter": 30}, forest={"n_estimators": 5}, blend_folds=2)
print(hashlib.sha256(model_bytes(model.fit(frame.iloc[:700], left[:700]))).hexdigest())
"""


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Settings of a home with a space in its name; no database is needed here."""
    return Settings(home=tmp_path / "a home")


@pytest.fixture(scope="module")
def model() -> ChurnClassifier:
    frame, left = churn_set("wa_churn")
    return ChurnClassifier(**SMALL).fit(frame.iloc[:700], left[:700])


def test_saved_model__predicts_the_same(home: Settings, model: ChurnClassifier) -> None:
    path = home.models_dir / "model.skops"
    sha256 = save_model(model, path, home)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    frame, _ = churn_set("wa_churn")
    loaded = load_model(path, sha256, home)
    assert np.array_equal(loaded.predict_proba(frame), model.predict_proba(frame))


def test_same_model__has_the_same_bytes_in_every_process() -> None:
    found = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", FIT_AND_HASH]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout.strip())
    assert len(found) == 1


def test_flipped_bit__is_refused_before_loading(home: Settings, model: ChurnClassifier) -> None:
    path = home.models_dir / "model.skops"
    sha256 = save_model(model, path, home)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="was changed"):
        load_model(path, sha256, home)


def test_foreign_signature__is_refused(home: Settings, model: ChurnClassifier, tmp_path: Path) -> None:
    path = home.models_dir / "model.skops"
    sha256 = save_model(model, path, Settings(home=tmp_path / "elsewhere"))
    with pytest.raises(ModelFileError, match="not signed by this installation"):
        load_model(path, sha256, home)


@pytest.mark.parametrize("removed", ["file", "signature"])
def test_missing_file__is_refused(home: Settings, model: ChurnClassifier, removed: str) -> None:
    path = home.models_dir / "model.skops"
    sha256 = save_model(model, path, home)
    (path if removed == "file" else signature_path(path)).unlink()
    with pytest.raises(ModelFileError, match="is missing"):
        load_model(path, sha256, home)


class Canary:
    """An object that would create a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (os.mkdir, (str(self.path),))


def _sign(path: Path, content: bytes, settings: Settings) -> str:
    """Put `content` at `path` with a good signature, as an insider could: the type list must hold by itself."""
    from ml.model_file import _signature

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    signature_path(path).write_text(_signature(content, settings))
    return hashlib.sha256(content).hexdigest()


def test_pickle__is_refused_and_never_runs(home: Settings, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    path = home.models_dir / "model.skops"
    sha256 = _sign(path, pickle.dumps(Canary(canary)), home)
    with pytest.raises(ModelFileError, match="is not a model file"):
        load_model(path, sha256, home)
    assert not canary.exists()


def test_untrusted_type__is_refused(home: Settings, tmp_path: Path) -> None:
    path = home.models_dir / "model.skops"
    sha256 = _sign(path, sio.dumps({"model": Canary(tmp_path / "canary")}), home)
    with pytest.raises(ModelFileError, match="which is not trusted"):
        load_model(path, sha256, home)
    assert not (tmp_path / "canary").exists()
