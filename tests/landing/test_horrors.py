"""Every horror lands its good rows, and what is said of the others is what was written down for it, word for word."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tenure.contracts import contract_of
from tenure.landing import land
from tenure.landing.results import FileResult
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.landing.deliveries import query
from tests.landing.horrors import Horror, horrors

ALL = {horror.name: horror for horror in horrors()}


@dataclass
class Landed:
    """The folder of all horrors, landed once."""

    settings: Settings
    results: dict[str, FileResult]
    files: dict[str, str]


@pytest.fixture(scope="module")
def horrible(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landed]:
    """One landing of all of them, each the file of its own number."""
    empty_warehouse(settings)
    folder = tmp_path_factory.mktemp("horrors")
    files = {name: _write(folder, number, horror) for number, (name, horror) in enumerate(ALL.items(), start=1)}
    results = {item.file_name: item for item in land(settings, folder).files}
    yield Landed(settings, {name: results[file] for name, file in files.items()}, files)
    empty_warehouse(settings)


def _write(folder: Path, number: int, horror: Horror) -> str:
    entity = horror.entity.partition(".")[2]
    path = folder / horror.entity / f"{entity}_20260110_{number}.{horror.ending}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(horror.content)
    if horror.manifest is not None:
        path.with_name(path.name + ".manifest.json").write_text(json.dumps(horror.manifest))
    return path.name


def test_horrors__are_more_than_a_hundred_and_each_another_one() -> None:
    every = list(horrors())
    assert len(every) == len(ALL) >= 100
    assert len({(horror.content, horror.ending, str(horror.manifest)) for horror in every}) == len(every)


@pytest.mark.parametrize("name", ALL)
def test_horror__lands_its_good_rows_and_tells_of_the_others(name: str, horrible: Landed) -> None:
    horror, result, file = ALL[name], horrible.results[name], horrible.files[name]
    assert (result.status, result.message) == (
        ("refused", horror.refused) if horror.refused else ("landed", horror.warning)
    )
    contract = contract_of(horrible.settings.root, horror.entity)
    key = contract.primary_key[0]
    found = query(
        horrible.settings, f"select {key} from {contract.raw_table} where _source_file = %s order by _line_number", file
    )
    assert sorted(key for (key,) in found) == sorted(horror.lands)
    if not horror.refused:
        said = query(
            horrible.settings,
            "select line_number, column_name, rule_name, message from ops.reject where file_name = %s",
            file,
        )
        assert sorted(said) == sorted(horror.rejects)
        rejected = len({line for line, *_ in horror.rejects})
        balance = result.balance
        assert (balance.landed, balance.rejected, balance.duplicate) == (len(horror.lands), rejected, 0)
        assert balance.rows == len(horror.lands) + rejected
        assert all(total.is_balanced for total in balance.totals.values())
    for column, expected in horror.values.items():
        ((value,),) = query(
            horrible.settings, f"select {column} from {contract.raw_table} where {key} = %s", horror.lands[-1]
        )
        assert (str(value.astimezone(dt.UTC)) if isinstance(value, dt.datetime) else value) == expected
