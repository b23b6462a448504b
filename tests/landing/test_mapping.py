"""An operator's own file through a mapping: YAML, no code."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tenure.errors import TenureError
from tenure.landing import land
from tenure.settings import Settings
from tests.landing.deliveries import query

MAPPING: dict[str, Any] = {
    "name": "plain_operator",
    "file": {"pattern": "people_*.txt", "encoding": "gb18030", "delimiter": ";", "null_values": ["NA"]},
    "business_date": {"from_name": r"people_(\d{8})"},
    "columns": {
        "NR": {"required": True},
        "NAME": {},
        "JOINED": {"type": "date", "required": True},
        "MONTHS": {"type": "integer", "min": 0},
        "KIND": {"values": ["P", "F"]},
    },
    "derived": {"term_end": {"add_months": {"date": "JOINED", "months": "MONTHS"}}},
    "entities": {
        "crm.region": {
            "rows": [
                {
                    "constant": [
                        {
                            "region_id": "all",
                            "effective_at": {"local_instant": "date '2020-01-01'"},
                            "region_name": "全部",
                            "province_name": "x",
                            "households": 12,
                        }
                    ]
                }
            ]
        },
        "crm.customer": {
            "rows": [
                {
                    "columns": {
                        "customer_id": {"sql": "'C' || NR"},
                        "effective_at": {"local_instant": "JOINED"},
                        "customer_type": {"sql": "case KIND when 'F' then 'group' else 'individual' end"},
                        "customer_name": "NAME",
                        "region_id": {"value": "all"},
                    }
                }
            ]
        },
        "crm.contract": {
            "rows": [
                {
                    "where": "MONTHS > 0",
                    "for_each": ["line", "device"],
                    "columns": {
                        "contract_id": {"sql": "NR || '-{item}'"},
                        "effective_at": {"local_instant": "JOINED"},
                        "subscription_id": {"sql": "'S' || NR"},
                        "start_date": "JOINED",
                        "end_date": "term_end",
                        "term_months": "MONTHS",
                    },
                }
            ]
        },
    },
}
TEXT = "NR;NAME;JOINED;MONTHS;KIND\n1;王一;2026-01-05;12;P\n2;NA;2026-01-06;0;F\n3;李三;2026-01-07;24;P\n"


def _mapping(folder: Path, document: dict[str, Any] = MAPPING) -> Path:
    path = folder / "mapping.yml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def _file(folder: Path, text: str = TEXT, day: str = "20260131") -> Path:
    path = folder / f"people_{day}.txt"
    path.write_bytes(text.encode("gb18030"))
    return path


def test_one_file__fills_several_entities(warehouse: Settings, tmp_path: Path) -> None:
    _file(tmp_path)
    summary = land(warehouse, tmp_path, mapping=_mapping(tmp_path))
    assert not summary.is_refused, str(summary)
    assert query(
        warehouse,
        "select customer_id, customer_type, customer_name_token is null, _line_number,"
        " (effective_at at time zone 'Asia/Shanghai')::text from raw_crm.customer order by 1",
    ) == [
        ("C1", "individual", False, 2, "2026-01-05 00:00:00"),
        ("C2", "group", True, 3, "2026-01-06 00:00:00"),
        ("C3", "individual", False, 4, "2026-01-07 00:00:00"),
    ]
    assert query(warehouse, "select contract_id, end_date::text, term_months from raw_crm.contract order by 1") == [
        ("1-device", "2027-01-05", 12),
        ("1-line", "2027-01-05", 12),
        ("3-device", "2028-01-07", 24),
        ("3-line", "2028-01-07", 24),
    ]
    assert query(warehouse, "select region_id, region_name, households from raw_crm.region") == [("all", "全部", 12)]
    assert query(
        warehouse,
        "select entity_name, business_date::text, period_from::text, row_count, landed_count, mapping_name like"
        " 'plain_operator@%%' from ops.load order by load_id",
    ) == [
        ("region", "2026-01-31", "2026-01-31", 1, 1, True),
        ("customer", "2026-01-31", "2026-01-31", 3, 3, True),
        ("contract", "2026-01-31", "2026-01-31", 4, 4, True),
    ]


def test_same_file__with_another_mapping_is_a_correction(warehouse: Settings, tmp_path: Path) -> None:
    _file(tmp_path)
    mapping = _mapping(tmp_path)
    land(warehouse, tmp_path, mapping=mapping)
    assert land(warehouse, tmp_path, mapping=mapping).unchanged == 1
    changed = deepcopy(MAPPING)
    changed["entities"]["crm.customer"]["rows"][0]["columns"]["region_id"] = {"value": "other"}
    land(warehouse, tmp_path, mapping=_mapping(tmp_path, changed))
    assert query(warehouse, "select distinct region_id from raw_crm.customer") == [("other",)]
    assert query(warehouse, "select status, version from ops.load where entity_name = 'customer' order by load_id") == [
        ("superseded", 1),
        ("landed", 2),
    ]


def test_bad_line__is_refused_once_and_lands_in_no_entity(warehouse: Settings, tmp_path: Path) -> None:
    _file(tmp_path, TEXT + "4;赵四;2026-13-01;12;P\n5;钱五\n")
    assert not land(warehouse, tmp_path, mapping=_mapping(tmp_path)).is_refused
    assert query(warehouse, "select line_number, column_name, rule_name from ops.reject order by line_number") == [
        (5, "JOINED", "type"),
        (6, "", "field_count"),
    ]
    assert query(warehouse, "select count(*) from raw_crm.customer") == [(3,)]
    assert query(warehouse, "select sum(row_count - landed_count - rejected_count) from ops.load") == [(0,)]


def test_mapped_rows__obey_the_contract(warehouse: Settings, tmp_path: Path) -> None:
    changed = deepcopy(MAPPING)
    changed["entities"]["crm.contract"]["rows"][0]["where"] = "MONTHS >= 0"
    _file(tmp_path)
    land(warehouse, tmp_path, mapping=_mapping(tmp_path, changed))
    assert query(warehouse, "select line_number, column_name, rule_name from ops.reject") == [
        (3, "term_months", "min"),
        (3, "term_months", "min"),
    ]


def test_refused_file__fills_no_entity(warehouse: Settings, tmp_path: Path) -> None:
    _file(tmp_path, TEXT.replace("JOINED", "SINCE", 1))
    (item,) = land(warehouse, tmp_path, mapping=_mapping(tmp_path)).files
    assert (item.status, item.message) == ("refused", "column JOINED is missing")
    assert query(
        warehouse, "select (select count(*) from raw_crm.region), (select count(*) from raw_crm.customer)"
    ) == [(0, 0)]


def test_expression__that_fails_refuses_the_file_without_showing_values(warehouse: Settings, tmp_path: Path) -> None:
    changed = deepcopy(MAPPING)
    changed["derived"]["number"] = {"sql": "cast(NAME as int)"}
    _file(tmp_path)
    (item,) = land(warehouse, tmp_path, mapping=_mapping(tmp_path, changed)).files
    assert item.message.startswith("mapping plain_operator: derived column number cannot be computed")
    assert "王" not in item.message


def test_source__limits_what_a_mapping_fills(warehouse: Settings, tmp_path: Path) -> None:
    _file(tmp_path)
    mapping = _mapping(tmp_path)
    with pytest.raises(TenureError, match="fills nothing of source 'billing'"):
        land(warehouse, tmp_path, mapping=mapping, source="billing")
    assert land(warehouse, tmp_path, mapping=mapping, source="crm").landed == 1


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (["entities", "crm.customer", "rows", 0, "columns", "region_id"], None, "give a column name or one of"),
        (["entities", "crm.customer", "rows", 0, "columns", "region_id"], "REGION", "there is no column 'REGION'"),
        (["entities", "crm.customer", "rows", 0, "columns", "shoe_size"], "NR", "crm.customer has no column shoe_size"),
        (["entities", "crm.contract", "rows", 0, "where"], "MONTH > 0", "there is no column MONTH"),
        (["entities", "crm.contract", "rows", 0, "where"], "MONTHS >", "crm.contract: where:"),
        (["entities", "crm.weather"], {"rows": []}, "there is no contract for 'crm.weather'"),
        (["columns", "NR"], {"typ": "text"}, "unknown field typ"),
        (["name"], "../evil", "name must be small letters"),
    ],
)
def test_mapping__with_a_mistake_names_it(
    path: list[Any], value: Any, complaint: str, warehouse: Settings, tmp_path: Path
) -> None:
    changed = deepcopy(MAPPING)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    _file(tmp_path)
    with pytest.raises(TenureError, match=r"mapping\.yml") as caught:
        land(warehouse, tmp_path, mapping=_mapping(tmp_path, changed))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mapping__that_leaves_out_a_needed_column_is_refused(warehouse: Settings, tmp_path: Path) -> None:
    changed = deepcopy(MAPPING)
    del changed["entities"]["crm.customer"]["rows"][0]["columns"]["region_id"]
    with pytest.raises(TenureError, match=r"crm\.customer needs region_id"):
        land(warehouse, tmp_path, mapping=_mapping(tmp_path, changed))


def test_mapping__without_a_file_says_what_it_looks_for(warehouse: Settings, tmp_path: Path) -> None:
    with pytest.raises(TenureError, match=r"no file in .* is called people_\*\.txt"):
        land(warehouse, tmp_path, mapping=_mapping(tmp_path))
