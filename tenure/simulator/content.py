"""Digests of what is in a folder of extracts, whatever way its files are packed."""

import gzip
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from tenure.errors import TenureError

_BLOCK_BYTES = 1 << 20


def content_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the names and rows of the files in each sub-folder (an entity, or `truth`), in order of their names.

    Rows count, not bytes: how well gzip or Parquet packs them on this machine makes no difference.
    """
    if not folder.is_dir():
        raise TenureError(f"there is no folder {folder}", hint="give the folder that `tenure simulate` wrote")
    digests = {}
    for entity in sorted(path for path in folder.iterdir() if path.is_dir()):
        digest = hashlib.sha256()
        for path in sorted(path for path in entity.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(entity)}\n".encode())
            for text in _texts(path):
                digest.update(text)
        digests[entity.name] = digest.hexdigest()
    return digests


def _texts(path: Path) -> Iterator[bytes]:
    if path.suffix == ".parquet":
        # By a fixed number of rows, so that the size of a row group makes no difference either.
        for batch in pq.ParquetFile(path).iter_batches(batch_size=2**16):
            buffer = io.BytesIO()
            pl.DataFrame(pl.from_arrow(batch)).write_csv(buffer, include_header=False)
            yield buffer.getvalue()
        return
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            yield block
