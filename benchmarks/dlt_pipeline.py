"""The peer's side of `landing_peer`: one usage file through dlt, in an environment that has only dlt.

What its documents advise for bulk: Arrow batches of a typed streaming reader (no Python row is made), Parquet files,
loaded by the ADBC driver's binary COPY. What our landing promises and dlt can: the contract's types, an agreed schema
that may not drift, one row for each primary key, and a row of every load in `_dlt_loads`. What it cannot (a balance,
refused rows with their reason, control totals, tokens, an archive) is not asked of it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

import dlt
import pyarrow as pa
import pyarrow.csv

_TYPES = {
    "started_at": pa.timestamp("us", "UTC"),
    "duration_seconds": pa.int64(),
    "volume_bytes": pa.int64(),
    "rated_amount": pa.decimal128(38, 4),
}
_REQUIRED = (
    "event_id", "msisdn", "started_at", "service_type", "direction", "network_type", "roaming_type",
)  # fmt: skip
_BLOCK_BYTES = 32 << 20


def main() -> None:
    """Load `--file` into `--dataset`.usage_event at TENURE_BENCH_URL."""
    parser = argparse.ArgumentParser()
    for name in ("file", "dataset", "work", "strategy", "format"):
        parser.add_argument(f"--{name}", required=True)
    asked = parser.parse_args()
    pipeline = dlt.pipeline(
        "usage",
        destination=dlt.destinations.postgres(credentials=os.environ["TENURE_BENCH_URL"]),
        dataset_name=asked.dataset,
        pipelines_dir=asked.work,
    )
    pipeline.run(_events(asked.file, asked.strategy), loader_file_format=asked.format).raise_on_failed_jobs()


def _events(path: str, strategy: str) -> dlt.sources.DltResource:
    hints = {name: {"nullable": name not in _REQUIRED} for name in (*_REQUIRED, *_TYPES)}

    @dlt.resource(
        name="usage_event",
        primary_key="event_id",
        write_disposition={"disposition": "merge", "strategy": strategy},
        columns=hints,
        schema_contract={"columns": "freeze", "data_type": "freeze"},
    )
    def usage_event() -> Iterator[pa.Table]:
        convert = pa.csv.ConvertOptions(column_types=_TYPES, strings_can_be_null=True, quoted_strings_can_be_null=True)
        reader = pa.csv.open_csv(path, pa.csv.ReadOptions(block_size=_BLOCK_BYTES), convert_options=convert)
        for batch in reader:
            yield pa.Table.from_batches([batch])

    return usage_event()


if __name__ == "__main__":
    main()
