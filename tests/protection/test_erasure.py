"""An erased customer is nowhere, the sums stay, and neither an old file nor a correction brings anything back."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tenure.contracts import load_contracts
from tenure.errors import TenureError
from tenure.landing import land
from tenure.landing.archive import Archive, delivered_name
from tenure.protection import erasure
from tenure.protection.erasure import erase
from tenure.settings import Settings
from tenure.simulator import simulate
from tests.conftest import empty_warehouse
from tests.landing.deliveries import everything
from tests.protection.canaries import (
    Operator,
    chosen,
    entity_rows,
    files_of,
    in_archive,
    in_tables,
    rows_of,
)  # fmt: skip
from tests.protection.people import as_role, vault


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("operator") / "extracts"
    simulate(out=folder, subscriptions=60, months=3, days=0, seed=3, start="2025-08")
    return folder


@pytest.fixture
def operator(settings: Settings, extracts: Path, tmp_path: Path) -> Iterator[Operator]:
    empty_warehouse(settings)
    own = tmp_path / "extracts"
    for path in extracts.rglob("*"):
        if path.is_file() and path.parent.name != "truth":
            target = own / path.relative_to(extracts)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
    landed = land(settings, own)
    assert not landed.is_refused, str(landed)
    customer_id, canaries = chosen(own)
    assert all(canaries.values())
    yield Operator(settings, own, customer_id, canaries)


def counts(settings: Settings) -> dict[str, list[tuple]]:
    """Rows of every raw table, with the sums of its control totals."""
    found = {}
    for name, contract in load_contracts(settings.root).items():
        sums = "".join(f", coalesce(sum({column}), 0)::text" for column in contract.control_totals)
        found[name] = as_role(settings, "loader", f"select count(*){sums} from {contract.raw_table}")
    return found


def test_erased_customer__is_nowhere_and_the_sums_stay(operator: Operator, tmp_path: Path) -> None:
    settings = operator.settings
    before, known = counts(settings), vault(settings)
    assert len({table for table, _, _ in in_tables(operator)}) > 5
    assert in_archive(settings, operator, tmp_path)
    assert set(known.values()) & operator.values
    done = erase(settings, operator.customer_id, None)
    assert in_tables(operator) == set()
    assert in_archive(settings, operator, tmp_path) == set()
    after = vault(settings)
    assert not set(after.values()) & operator.values
    assert counts(settings) == before
    assert done.is_new
    assert done.counts["customers"] == 1
    assert done.counts["vault_rows"] == len(known) - len(after) >= 3
    for place in ("raw_rows", "archived_files", "archived_lines", "subscriptions", "phone_numbers"):
        assert done.counts[place] > 0, place
    tokens = {token for token in known if token not in after}
    for schema, table, column in as_role(
        settings, "owner",
        "select table_schema, table_name, column_name from information_schema.columns"
        " where column_name like '%%token%%' and (table_schema like 'raw%%' or table_schema in ('ops', 'vault'))",
    ):  # fmt: skip
        left = {row[0] for row in as_role(settings, "owner", f"select {column} from {schema}.{table}")}
        assert not left & tokens, (schema, table, column)


def test_describing_columns__are_empty_and_joins_hold(operator: Operator) -> None:
    settings = operator.settings
    joined = (
        "select count(*) from raw_usage.usage_event join raw_crm.subscription using (msisdn_token)"
        " join raw_crm.customer using (customer_id) join raw_crm.account as a using (account_id)"
    )
    before = as_role(settings, "loader", joined)
    erase(settings, operator.customer_id, None)
    assert as_role(settings, "loader", joined) == before
    rows = as_role(
        settings, "loader",
        "select distinct gender, birth_year, is_senior, has_partner, has_dependents, customer_name_token,"
        " id_number_token from raw_crm.customer where customer_id like 'erased-%%'",
    )  # fmt: skip
    assert rows == [(None,) * 7]


def test_old_files__delivered_again_bring_nothing_back(operator: Operator, tmp_path: Path) -> None:
    settings = operator.settings
    erase(settings, operator.customer_id, None)
    raw = everything(settings)
    # The same bytes.
    for name in ("crm.customer", "crm.subscription", "usage.usage_event"):
        path = files_of(operator.extracts, name)[0]
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    assert land(settings, operator.extracts).duplicates == 3
    assert everything(settings) == raw
    # Corrections with the same rows in other bytes, in both kinds of file.
    path = files_of(operator.extracts, "crm.customer")[0]
    content = gzip.decompress(path.read_bytes())
    path.unlink()
    path.write_bytes(gzip.compress(content, 1))
    path = files_of(operator.extracts, "usage.usage_event")[0]
    table = pq.read_table(path)
    path.unlink()
    pq.write_table(table, path, compression="gzip")
    assert land(settings, operator.extracts).landed == 2
    assert everything(settings) == raw
    assert in_tables(operator) == set()
    assert in_archive(settings, operator, tmp_path) == set()
    assert not set(vault(settings).values()) & operator.values
    assert as_role(settings, "loader", "select count(*)::int from ops.redaction where erasure_id is null") == [(2,)]


def test_everything_landed_anew__gives_the_same_rows(operator: Operator, tmp_path: Path) -> None:
    settings = operator.settings
    erase(settings, operator.customer_id, None)
    raw, before = everything(settings), counts(settings)
    tables = [contract.raw_table for contract in load_contracts(settings.root).values()]
    as_role(settings, "owner", f"truncate ops.load, ops.key_chunk, {', '.join(tables)} cascade")
    for path in settings.archive_dir.rglob("*.enc"):
        path.unlink()
    as_role(settings, "owner", "truncate ops.redaction, vault.identity")
    assert not land(settings, operator.extracts).is_refused
    assert counts(settings) == before
    assert everything(settings) == raw
    assert in_tables(operator) == set()
    assert in_archive(settings, operator, tmp_path) == set()


def test_refused_lines__of_an_erased_customer_do_not_come_back_either(operator: Operator, tmp_path: Path) -> None:
    settings = operator.settings
    erase(settings, operator.customer_id, None)
    path = files_of(operator.extracts, "crm.subscription")[0]
    text = gzip.decompress(path.read_bytes()).decode()
    number = next(value for value in operator.canaries["value"] if value.isdigit() and len(value) == 11)
    header, first, *rest = text.splitlines()
    # A row of somebody else's line with the number where a date belongs, and one that cannot be split.
    shifted = first.split(",")
    shifted[header.split(",").index("activated_at")] = number
    path.unlink()
    path.write_bytes(gzip.compress("\n".join([header, first, *rest, ",".join(shifted), f"{number},x", ""]).encode()))
    path.with_name(path.name + ".manifest.json").unlink()
    (item,) = [item for item in land(settings, operator.extracts).files if item.status == "landed"]
    assert item.balance.rejected == 2
    archive = Archive(settings)
    assert not any(number.encode() in gzip.decompress(b"".join(archive.read(name)))
                   for name in archive.files() if name.startswith("crm.subscription/"))  # fmt: skip


def test_interrupted_erasure__is_gone_on_with(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = operator.settings
    remove_lines = Archive.remove_lines
    done: list[str] = []

    def interrupted(self: Archive, relative: str, positions: list[int]) -> None:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(relative)
        remove_lines(self, relative, positions)

    def early(*_arguments: object) -> int:
        raise KeyboardInterrupt

    raw = everything(settings)
    with monkeypatch.context() as patch:
        patch.setattr(erasure, "_remove_from_vault", early)
        with pytest.raises(KeyboardInterrupt):
            erase(settings, operator.customer_id, None)
    assert everything(settings) == raw
    assert as_role(settings, "loader", "select count(*)::int from ops.tombstone") == [(0,)]
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "remove_lines", interrupted)
        with pytest.raises(KeyboardInterrupt):
            erase(settings, operator.customer_id, None)
    assert in_tables(operator) == set()
    assert in_archive(settings, operator, tmp_path) != set()
    again = erase(settings, operator.customer_id, None)
    assert not again.is_new
    assert in_archive(settings, operator, tmp_path) == set()
    assert as_role(settings, "loader", "select count(*)::int from ops.redaction where not is_done") == [(0,)]


def test_a_second_erasure__finds_its_lines_in_files_that_lack_some(operator: Operator, tmp_path: Path) -> None:
    settings = operator.settings
    erase(settings, operator.customer_id, None)
    (other,) = as_role(
        settings, "loader",
        "select customer_id from raw_crm.subscription where customer_id not like 'erased-%%'"
        " and msisdn_token is not null order by effective_at desc, 1 limit 1",
    )[0]  # fmt: skip
    erase(settings, other, None)
    second = Operator(settings, operator.extracts, other, {
        "customer": {other}, "account": set(), "value": set(),
        "subscription": {
            row["subscription_id"]
            for row in entity_rows(operator.extracts, "crm.subscription") if row["customer_id"] == other
        },
    })  # fmt: skip
    assert in_tables(second) == set()
    assert in_archive(settings, second, tmp_path) == set()
    # What the record says is missing is what is missing, by the numbers of the delivered file.
    for relative, lines in as_role(
        settings, "loader",
        "select archive_path, array_agg(line order by line) from ops.redaction, unnest(line_numbers) as line"
        " group by 1",
    ):  # fmt: skip
        delivered = operator.extracts / relative.split("/")[0] / delivered_name(relative)
        left = tmp_path / delivered_name(relative)
        left.write_bytes(b"".join(Archive(settings).read(relative)))
        first = 2 if ".csv" in delivered.name else 1
        kept = [row for number, row in enumerate(rows_of(delivered), first) if number not in lines]
        assert rows_of(left) == kept, relative


def test_unknown_customer__is_one_clear_line(operator: Operator) -> None:
    with pytest.raises(TenureError, match="there is no such customer"):
        erase(operator.settings, "C-nobody", None)


def test_parquet_without_lines__keeps_its_types() -> None:
    from tenure.protection.file_lines import without_lines

    table = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]})
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    content = b"".join(without_lines([out.getvalue().to_pybytes()], "t.parquet", [2]))
    assert pq.read_table(pa.BufferReader(content)).equals(table.filter([True, False, True]))
