"""Codes turned into ours by tables, and files and entities many to many."""

from __future__ import annotations

import gzip
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tenure.errors import TenureError
from tenure.landing import land
from tenure.settings import Settings
from tests.landing.deliveries import query
from tests.landing.test_mapping import MAPPING, _file, _mapping

CUSTOMER = ("entities", "crm.customer", "rows", 0, "columns")
TOWNS = "NR;NAME;JOINED;MONTHS;KIND\n1;王一;2026-01-05;12;P\n2;李二;2026-01-06;0;F\n3;;2026-01-07;24;P\n"


def _changed(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    document = deepcopy(MAPPING)
    target: Any = document
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    return document


def _customers(warehouse: Settings) -> list[tuple[Any, ...]]:
    return query(warehouse, "select customer_id, gender, region_id from raw_crm.customer order by 1")


def test_lookup__refuses_a_row_that_is_not_in_the_table(warehouse: Settings, tmp_path: Path) -> None:
    lookup = {"lookup": {"of": "NAME", "table": {"王一": "north", "": "x"}}}
    _file(tmp_path, TOWNS)
    (_, customer, _) = land(
        warehouse, tmp_path, mapping=_mapping(tmp_path, _changed((*CUSTOMER, "region_id"), lookup))
    ).files
    assert (customer.balance.rows, customer.balance.landed, customer.balance.rejected) == (3, 1, 2)
    assert _customers(warehouse) == [("C1", None, "north")]
    message = "it is not in the lookup table of mapping plain_operator: add it there, or a default"
    # Line 4 has no name: there is nothing to look up, and the contract needs a region.
    assert query(
        warehouse, "select line_number, column_name, rule_name, message, masked_text from ops.reject order by 1"
    ) == [
        (3, "region_id", "lookup", message, "文文"),
        (4, "region_id", "required", "it is empty: every row needs it", ""),
    ]


def test_lookup__with_a_default_refuses_nothing(warehouse: Settings, tmp_path: Path) -> None:
    document = _changed((*CUSTOMER, "region_id"), {"lookup": {"of": "KIND", "table": {"P": "n"}, "default": "rest"}})
    _file(tmp_path, TOWNS)
    assert not land(warehouse, tmp_path, mapping=_mapping(tmp_path, document)).is_refused
    assert [region for _, _, region in _customers(warehouse)] == ["n", "rest", "n"]


def test_lookup__reads_a_table_beside_the_mapping(warehouse: Settings, tmp_path: Path) -> None:
    lookup = {"lookup": {"of": "lower(KIND)", "file": "kinds.csv", "from": "kind", "to": "region"}}
    document = _changed((*CUSTOMER, "region_id"), lookup)
    (tmp_path / "kinds.csv").write_text("\ufeffnote,kind,region\n,p,east\n,f,west\n")
    _file(tmp_path, TOWNS)
    mapping = _mapping(tmp_path, document)
    land(warehouse, tmp_path, mapping=mapping)
    assert [region for _, _, region in _customers(warehouse)] == ["east", "west", "east"]
    assert land(warehouse, tmp_path, mapping=mapping).unchanged == 1
    # Another table is another mapping: the file lands again as a correction.
    (tmp_path / "kinds.csv").write_text("note,kind,region\n,p,south\n,f,west\n")
    land(warehouse, tmp_path, mapping=mapping)
    assert [region for _, _, region in _customers(warehouse)] == ["south", "west", "south"]


def test_derived_lookup__refuses_the_line_for_every_entity(warehouse: Settings, tmp_path: Path) -> None:
    document = _changed(("derived", "region"), {"lookup": {"of": "KIND", "table": {"P": "north"}}})
    document["entities"]["crm.customer"]["rows"][0]["columns"]["region_id"] = "region"
    _file(tmp_path, TOWNS.replace("0;F", "6;F"))
    land(warehouse, tmp_path, mapping=_mapping(tmp_path, document))
    assert [customer for customer, _, _ in _customers(warehouse)] == ["C1", "C3"]
    assert query(warehouse, "select count(*) from raw_crm.contract") == [(4,)]
    assert query(warehouse, "select line_number, column_name, rule_name from ops.reject") == [(3, "region", "lookup")]
    assert query(warehouse, "select sum(row_count - landed_count - rejected_count) from ops.load") == [(0,)]


def test_rows_of_one_line__are_each_refused_and_counted(warehouse: Settings, tmp_path: Path) -> None:
    document = deepcopy(MAPPING)
    columns = document["entities"]["crm.contract"]["rows"][0]["columns"]
    columns["subscription_id"] = {"lookup": {"of": "NR || '{item}'", "table": {"1line": "S1", "3device": "S3"}}}
    _file(tmp_path, TOWNS)
    land(warehouse, tmp_path, mapping=_mapping(tmp_path, document))
    assert query(
        warehouse, "select row_count, landed_count, rejected_count from ops.load where entity_name = 'contract'"
    ) == [(4, 2, 2)]


@pytest.mark.parametrize(
    ("lookup", "complaint"),
    [
        ({"of": "KIND"}, "lookup: give either table or file"),
        ({"of": "KIND", "table": {}}, "lookup: its table is empty"),
        ({"of": "KINDS", "table": {"P": "x"}}, "there is no column KINDS"),
        ({"of": "KIND", "table": {"P": "x"}, "els": "y"}, "lookup: unknown field els"),
        ({"of": "KIND", "file": "none.csv", "from": "a", "to": "b"}, "lookup: cannot read none.csv"),
        ({"of": "KIND", "file": "../x.csv", "from": "a", "to": "b"}, "is not the name of a file beside the mapping"),
        ({"of": "KIND", "file": "kinds.csv", "from": "a", "to": "c"}, "lookup: kinds.csv has no column 'c'"),
        ({"of": "KIND", "file": "kinds.csv", "from": "a", "to": "b"}, "kinds.csv: line 3 gives a text another value"),
    ],
)
def test_lookup__with_a_mistake_is_named(
    lookup: dict[str, Any], complaint: str, warehouse: Settings, tmp_path: Path
) -> None:
    (tmp_path / "kinds.csv").write_text("a,b\nP,1\nP,2\n")
    document = _changed((*CUSTOMER, "region_id"), {"lookup": lookup})
    with pytest.raises(TenureError, match=r"mapping\.yml") as caught:
        land(warehouse, tmp_path, mapping=_mapping(tmp_path, document))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_patterns__fill_one_entity(warehouse: Settings, tmp_path: Path) -> None:
    document = _changed(("file", "pattern"), ["people_*.txt", "firms_*.txt.*"])
    document["business_date"] = {"from_name": r"_(\d{8})"}
    _file(tmp_path, TOWNS)
    firms = TOWNS.replace("\n1;", "\n7;").replace("\n2;", "\n8;").replace("\n3;", "\n9;").encode("gb18030")
    (tmp_path / "firms_20260131.txt.gz").write_bytes(gzip.compress(firms))
    more = firms.replace(b"\n7;", b"\n4;").replace(b"\n8;", b"\n5;").replace(b"\n9;", b"\n6;")
    (tmp_path / "firms_20260201.txt.zst").write_bytes(pa.compress(more, codec="zstd", asbytes=True))
    summary = land(warehouse, tmp_path, mapping=_mapping(tmp_path, document))
    assert (summary.landed, summary.refused) == (3, 0), str(summary)
    assert [customer for customer, _, _ in _customers(warehouse)] == [f"C{number}" for number in range(1, 10)]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(TenureError, match=r"is called people_\*\.txt or firms_\*\.txt\.\*"):
        land(warehouse, empty, mapping=_mapping(tmp_path, document))


def test_several_mappings__fill_one_entity(warehouse: Settings, tmp_path: Path) -> None:
    _file(tmp_path, TOWNS)
    land(warehouse, tmp_path, mapping=_mapping(tmp_path))
    other = deepcopy(MAPPING)
    other |= {"name": "second_operator", "file": {"pattern": "clients_*.csv"}, "business_date": {"from_name": r"(\d+)"}}
    (tmp_path / "clients_20260131.csv").write_text("NR,NAME,JOINED,MONTHS,KIND\n21,Ann,2026-01-05,12,P\n")
    del other["entities"]["crm.region"]
    assert not land(warehouse, tmp_path, mapping=_mapping(tmp_path, other)).is_refused
    assert [customer for customer, _, _ in _customers(warehouse)] == ["C1", "C2", "C21", "C3"]


def test_dialect__of_the_operators_own_file(warehouse: Settings, tmp_path: Path) -> None:
    document = _changed(
        ("file",),
        {
            "pattern": "people_*.txt",
            "delimiter": "|",
            "quote": "none",
            "trailer": r"END\|(?P<rows>\d+)\|(?P<MONTHS>\d+)",
        },
    )
    text = TOWNS.replace(";", "|").replace("王一", '"A" 6"')
    path = tmp_path / "people_20260131.txt"
    path.write_text(f"{text}END|3|37")
    (item,) = land(warehouse, tmp_path, mapping=_mapping(tmp_path, document)).files
    assert item.message == "its trailer says MONTHS adds up to 37, the file to 36"
    path.write_text(f"{text}END|3|36")
    assert not land(warehouse, tmp_path, mapping=_mapping(tmp_path, document)).is_refused
    assert len(_customers(warehouse)) == 3
