"""What can be wrong in contracts, each as the place and the mistake, all of them rather than the first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

if TYPE_CHECKING:
    from tenure.contracts import Column, Contract

Problem = tuple[str, str]

_ENCODINGS = ("utf-8", "gb18030", "gbk", "gb2312")
# A number that is read as no value would be lost from the control totals; nought adds nothing to them.
_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]*")


def contract_problems(contract: Contract) -> Iterator[Problem]:
    """Place and message of every mistake in one contract."""
    names = contract.column_names
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"columns.{name}", "a column is declared twice"
    yield from _key_problems(contract)
    yield from _text_problems(contract)
    for place in ("reject_threshold", "wrong_day_share"):
        share = getattr(contract, place)
        if share is not None and not 0 <= share <= 1:
            yield place, f"{share} is not a share between 0 and 1"
    for place in ("reject_allowance", "max_days_ahead", "late_days"):
        days = getattr(contract, place)
        if days is not None and days < 0:
            yield place, f"{days} is less than 0"
    if contract.time_zone is not None and contract.time_zone not in available_timezones():
        yield "time_zone", f"{contract.time_zone!r} is not a time zone name such as Asia/Shanghai"
    for column in contract.columns:
        yield from _column_problems(contract, column)


def _key_problems(contract: Contract) -> Iterator[Problem]:
    names = contract.column_names
    fields = {
        "primary_key": contract.primary_key,
        "date_column": (contract.date_column,),
        "control_totals": contract.control_totals,
        "references": tuple(contract.references),
    }
    for place, given in fields.items():
        for name in given:
            if name not in names:
                yield place, f"{name!r} is not one of its columns"
    if not contract.primary_key:
        yield "primary_key", "it needs at least one column"
    for name in contract.primary_key:
        if name in names and not contract.column(name).is_required:
            yield "primary_key", f"key column {name!r} must be required"
    for name in contract.control_totals:
        if name in names and contract.column(name).type not in ("integer", "numeric"):
            yield "control_totals", f"control total {name!r} is not a number"
    dated = contract.date_column
    if dated in names and contract.column(dated).type not in ("date", "timestamp"):
        yield "date_column", f"date column {dated!r} is neither date nor timestamp"


def _text_problems(contract: Contract) -> Iterator[Problem]:
    if contract.encoding.lower().replace("_", "-") not in (*_ENCODINGS, "utf8"):
        yield "encoding", f"{contract.encoding!r} is not known: use utf-8 or gb18030"
    yield from dialect_problems(contract.delimiter, contract.null_values)
    if contract.trailer is not None:
        numbers = {column.name for column in contract.columns if column.type in ("integer", "numeric")}
        yield from trailer_problems(contract.trailer, numbers)


def dialect_problems(delimiter: str, null_values: tuple[str, ...]) -> Iterator[Problem]:
    """Mistakes in how a CSV file is said to be written."""
    is_sign = len(delimiter) == 1 and delimiter.isascii() and not delimiter.isalnum()
    if not is_sign or delimiter in '"\r\n\0 .-+:_\\':
        yield "delimiter", f'{delimiter!r} is not one sign such as , ; | or "\\t"'
    for value in null_values:
        if _NUMBER.fullmatch(value) and value.strip("+-0."):
            yield "null_values", f"{value!r} is a number, which control totals would miss"
        if set(value) & {delimiter, '"', "\n", "\r"}:
            yield "null_values", f"{value!r} cannot be a field of such a file"


def trailer_problems(pattern: str, numbers: set[str]) -> Iterator[Problem]:
    """Mistakes in the pattern of a trailer, whose groups may be `rows` and these number columns."""
    try:
        groups = set(re.compile(pattern).groupindex)
    except re.error as error:
        yield "trailer", f"it is no regular expression: {error}"
        return
    if "rows" not in groups:
        yield "trailer", "it needs a group named rows, such as (?P<rows>[0-9]+)"
    for name in sorted(groups - {"rows"} - numbers):
        yield "trailer", f"group {name!r} is no number column"


def _column_problems(contract: Contract, column: Column) -> Iterator[Problem]:
    place = f"columns.{column.name}"
    names = contract.column_names
    if column.is_personal and column.type != "text":
        yield place, f"personal column {column.name!r} must be text"
    if column.is_describing and (column.is_required or column.required_when):
        yield place, f"column {column.name!r} describes a person, so it may be emptied and cannot be required"
    if column.may_be_absent and column.is_required:
        yield place, f"column {column.name!r} is required, so no file may leave it out"
    if not column.description:
        yield place, f"column {column.name!r} has no description"
    if column.pattern is not None:
        try:
            re.compile(column.pattern)
        except re.error as error:
            yield place, f"pattern is no regular expression: {error}"
    if (column.minimum is not None or column.maximum is not None) and column.type not in ("integer", "numeric"):
        yield place, "min and max are bounds of a number"
    for other in column.required_when:
        if other not in names:
            yield place, f"required_when: {other!r} is not one of its columns"
    if column.currency is None:
        return
    if column.type != "numeric":
        yield place, "currency is for numeric columns"
    if column.currency not in names or contract.column(column.currency).type != "text":
        yield place, f"currency: {column.currency!r} is not one of its text columns"


def reference_problems(contracts: Mapping[str, Contract]) -> Iterator[tuple[str, str, str]]:
    """Contract, place and message of every reference that leads nowhere."""
    for contract in contracts.values():
        for name, target in contract.references.items():
            if message := _reference_problem(contracts, contract, name, target):
                yield contract.name, "references", message


def _reference_problem(contracts: Mapping[str, Contract], contract: Contract, name: str, target: str) -> str:
    entity, _, target_name = target.rpartition(".")
    if entity not in contracts:
        return f"{name}: there is no contract for {entity or target!r}; write <source>.<entity>.<column>"
    if target_name not in contracts[entity].column_names:
        return f"{name}: {entity} has no column {target_name!r}"
    mine, other = contract.column(name), contracts[entity].column(target_name)
    if mine.type != other.type:
        return f"{name} is {mine.type} and {target} is {other.type}"
    if mine.is_personal != other.is_personal:
        return f"{name} and {target} must both land as tokens or neither: they would never match"
    return ""
