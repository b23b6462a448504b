"""Model files: written without pickle, byte for byte the same for the same model, checked before anything is loaded."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import skops.io as sio

from ml.errors import ModelFileError
from tenure.settings import Settings

SCHEMA = "schema.json"
SIGNING_SECRET = "model_key"  # noqa: S105 (the name of a secret, not a secret)

# All that a model file may hold beyond what skops trusts by itself. Anything else is refused, not loaded.
TRUSTED_TYPES = (
    "functools.partial",
    "ml.churn.ChurnClassifier",
    "ml.encoding.FrameEncoder",
    "ml.lifetime_value.LifetimeModel",
    "ml.offers.OfferResponseModel",
    "ml.segments.SegmentModel",
    "ml.uplift.UpliftModel",
    "numpy.dtype",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils.validation.check_array",
)


def save_model(model: Any, path: Path, settings: Settings) -> str:
    """Write a model to `path` and its signature beside it; returns the SHA-256 of the file.

    The file appears complete or not at all. The same fitted model gives the same bytes in every process.
    """
    content = model_bytes(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, content)
    _write(signature_path(path), _signature(content, settings).encode())
    return hashlib.sha256(content).hexdigest()


def check_model_file(path: Path, sha256: str, settings: Settings) -> bytes:
    """The bytes of a model file that is what the registry says, signed here, and holds trusted types only.

    Nothing of it is executed. Raises ModelFileError otherwise.
    """
    hint = "run `tenure train`: it makes the file again from the warehouse"
    try:
        content = path.read_bytes()
        signature = signature_path(path).read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError as error:
        raise ModelFileError(f"model file {error.filename} is missing", hint=hint) from None
    if not hmac.compare_digest(hashlib.sha256(content).hexdigest(), sha256):
        raise ModelFileError(f"model file {path} was changed: its SHA-256 is not the recorded one", hint=hint)
    if not hmac.compare_digest(signature.encode(), _signature(content, settings).encode()):
        raise ModelFileError(f"model file {path} was not signed by this installation", hint=hint)
    try:
        foreign = sorted(set(sio.get_untrusted_types(data=content)) - set(TRUSTED_TYPES))
    except Exception as error:  # whatever a broken archive raises, the answer is the same: it is no model file
        raise ModelFileError(f"model file {path} is not a model file ({type(error).__name__})", hint=hint) from None
    if foreign:
        raise ModelFileError(f"model file {path} holds type {foreign[0]}, which is not trusted", hint=hint)
    return content


def load_model(path: Path, sha256: str, settings: Settings) -> Any:
    """The model of a checked file. Raises ModelFileError before anything of a bad file is loaded."""
    return sio.loads(check_model_file(path, sha256, settings), trusted=list(TRUSTED_TYPES))


def signature_path(path: Path) -> Path:
    """Where the signature of a model file is."""
    return path.with_suffix(path.suffix + ".sig")


def model_bytes(model: Any) -> bytes:
    """The model as a skops archive without clock times and memory addresses."""
    source = zipfile.ZipFile(io.BytesIO(sio.dumps(model)))
    schema = json.loads(source.read(SCHEMA))
    renamed: dict[str, str] = {}
    _renumber(schema, {}, renamed, [0])
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=2) as archive:
        for old, new in sorted(renamed.items(), key=lambda item: item[1]):
            archive.writestr(zipfile.ZipInfo(new), source.read(old), zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo(SCHEMA), json.dumps(schema), zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _renumber(node: Any, seen: dict[int, int], renamed: dict[str, str], last: list[int]) -> None:
    """Replace memory addresses by numbers in order of appearance, in ids and in the names of the archive's members."""
    if isinstance(node, list):
        for item in node:
            _renumber(item, seen, renamed, last)
        return
    if not isinstance(node, dict):
        return
    if isinstance(node.get("__id__"), int):
        # Whether two equal constants are one object is up to the interpreter, so each gets a number of its own.
        known = None if node.get("__loader__") == "JsonNode" else seen.get(node["__id__"])
        if known is None:
            last[0] += 1
            known = seen[node["__id__"]] = last[0]
        node["__id__"] = known
    if isinstance(node.get("file"), str):
        suffix = Path(node["file"]).suffix
        node["file"] = renamed.setdefault(node["file"], f"{len(renamed):06d}{suffix}")
    for key, value in node.items():
        if key not in ("__id__", "file"):
            _renumber(value, seen, renamed, last)


def _signature(content: bytes, settings: Settings) -> str:
    return hmac.new(settings.secret(SIGNING_SECRET).encode(), content, hashlib.sha256).hexdigest()


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with draft.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
