"""Rows that claim the same key: which of them stands in the raw table, and what becomes of the others.

What stands depends on the delivered files alone, never on the order in which they arrived:

- a file that says two things under one key is not believed in either: these rows are refused (`key_conflict`);
- rows with the same content are one row: that of the earliest file stands, the others are duplicates of it;
- different contents of different files: where the contract says `on_conflict: replace` the row of the latest file
  (business date, sequence) stands and the others count as duplicates, for a later file restates what an earlier one
  said; where it says `suspend` none of them stands until a correction decides.

Rows that do not stand wait in `ops.held_row`, as they would have landed: when a correction takes the standing one away,
another takes its place. Moves change the balance of the load that a row came with, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
from psycopg import sql

from tenure.contracts import Contract
from tenure.failpoints import reach
from tenure.landing.keys import Hashes, KeyPlaces, KeyStore, LoadKeys
from tenure.landing.loader import Loader
from tenure.landing.schema import raw_columns, raw_identifier

CONFLICT_MESSAGE = (
    "another row with this key says something else: have the file corrected that is wrong, and delivered again"
)

# A claim is a row of the raw table or a held one. Contents are compared as the columns of the contract, so that 1.50
# is 1.5. `is_torn`: its own file says something else under the same key.
_CLAIMS = """
create temporary table claim on commit drop as
with place as (
    select load_id, line_number, array_agg(key_hash) as key_hashes from claimed_place group by load_id, line_number
),
held as (
    select distinct on (held.ctid) held.ctid as place_id, held.load_id, held.line_number, held.key_hashes, held.reason,
        held.raw_row
    from ops.held_row as held
    cross join unnest(held.key_hashes) as held_hash (key_hash)
    join (select distinct key_hash from claimed_place) as claimed using (key_hash)
    where held.source_name = {source} and held.entity_name = {entity}
),
claimed as (
    select raw.ctid as place_id, 'landed' as state, place.key_hashes, raw._load_id as load_id,
        raw._line_number as line_number, jsonb_build_array({raw_key}) as row_key,
        jsonb_build_array({raw_content}) as content,
        null::jsonb as raw_row, {raw_totals} as totals
    from {raw} as raw
    join place on place.load_id = raw._load_id and place.line_number = raw._line_number
    where raw._load_id = any(array(select distinct load_id from claimed_place))
    union all
    select held.place_id, held.reason, held.key_hashes, held.load_id, held.line_number,
        jsonb_build_array({row_key}), jsonb_build_array({row_content}), held.raw_row, {row_totals}
    from held cross join lateral jsonb_populate_record(null::{raw}, held.raw_row) as row
),
-- Several rows of one line have all its hashes: those whose key nobody shares stay what they are.
known as (
    select claimed.*, load.business_date, load.sequence_number, load.file_name,
        min(content::text) over same_file <> max(content::text) over same_file as is_torn
    from claimed join ops.load as load using (load_id)
    window same_file as (partition by row_key, load_id)
),
judged as (
    select known.*,
        min(content::text) filter (where not is_torn) over same_key
            is distinct from max(content::text) filter (where not is_torn) over same_key as is_disputed,
        row_number() over (
            partition by row_key, is_torn order by business_date, sequence_number, file_name, load_id, line_number
        ) as from_first,
        row_number() over (
            partition by row_key, is_torn
            order by business_date desc, sequence_number desc, file_name desc, load_id desc, line_number
        ) as from_last,
        first_value(content) over (
            partition by row_key, is_torn
            order by business_date desc, sequence_number desc, file_name desc, load_id desc, line_number
        ) as latest_content
    from known
    window same_key as (partition by row_key)
)
select place_id, state, key_hashes, load_id, line_number, raw_row, totals,
    case
        when is_torn then 'conflict'
        when not is_disputed then case from_first when 1 then 'landed' else 'duplicate' end
        when {is_suspended} then 'conflict'
        when from_last = 1 then 'landed'
        when content = latest_content then 'duplicate'
        else 'restated'
    end as new_state
from judged
"""

_HOLD = """
insert into ops.held_row (load_id, line_number, source_name, entity_name, key_hashes, reason, raw_row)
select claim.load_id, claim.line_number, {source}, {entity}, claim.key_hashes, claim.new_state, to_jsonb(raw)
from claim join {raw} as raw on raw.ctid = claim.place_id
where claim.state = 'landed' and claim.new_state <> 'landed'
"""
_TAKE_OUT = """
delete from {raw} as raw using claim
where raw.ctid = claim.place_id and claim.state = 'landed' and claim.new_state <> 'landed'
"""
_PUT_IN = """
insert into {raw} ({columns})
select {row_columns} from claim cross join lateral jsonb_populate_record(null::{raw}, claim.raw_row) as row
where claim.state <> 'landed' and claim.new_state = 'landed'
"""
_RELEASE = """
delete from ops.held_row as held using claim
where held.ctid = claim.place_id and claim.state <> 'landed' and claim.new_state = 'landed'
"""
_RENAME = """
update ops.held_row as held set reason = claim.new_state from claim
where held.ctid = claim.place_id and claim.state <> 'landed' and claim.new_state not in ('landed', claim.state)
"""
_NO_LONGER_REFUSED = """
delete from ops.reject as reject using claim
where reject.load_id = claim.load_id and reject.line_number = claim.line_number and reject.rule_name = 'key_conflict'
    and claim.state = 'conflict' and claim.new_state <> 'conflict'
"""
_REFUSED = """
insert into ops.reject (load_id, file_name, line_number, column_name, rule_name, message, masked_text)
select claim.load_id, load.file_name, claim.line_number, '', 'key_conflict', {message}, ''
from claim join ops.load as load using (load_id)
where claim.new_state = 'conflict' and claim.state <> 'conflict'
"""
_MOVED = """
select load_id, {kind_before} as before, {kind_after} as after, count(*)::bigint{sums}
from claim where {kind_before} <> {kind_after}
group by 1, 2, 3
"""
_KIND = "case {state} when 'landed' then 'landed' when 'conflict' then 'rejected' else 'duplicate' end"


@dataclass(frozen=True)
class Move:
    """Rows of a load that have become something else: landed, rejected or duplicate; with the sums of their totals."""

    load_id: int
    before: str
    after: str
    count: int
    totals: Mapping[str, Decimal]


class Claims:
    """Settles who stands for a key, for one entity during one load; totals are kept of the `summed` columns."""

    def __init__(self, loader: Loader, contract: Contract, summed: Sequence[str]) -> None:
        self._loader = loader
        self._contract = contract
        self._is_suspending = contract.on_conflict == "suspend"
        self._summed = list(summed)
        self.store = KeyStore(loader, contract)

    def settle(self, load_id: int, keys: LoadKeys, freed: Hashes) -> list[Move]:
        """Settle every key of a load that another row has too, and the keys that a replaced load has left free.

        The load's row of `ops.load` must be there already. Returns what has moved, of this load and of others.
        """
        moves = [move for places in self.store.shared(load_id, keys) for move in self._settle(places)]
        return moves + (self._settle(self.store.claims(np.unique(freed))) if freed.size else [])

    def held_beside(self, load_id: int) -> Hashes:
        """The key hashes of a load that rows of other loads wait for."""
        found = self._loader.rows(
            "select distinct key_hash::text from ops.held_row cross join unnest(key_hashes) as held_hash (key_hash)"
            " where source_name = $1::text and entity_name = $2::text and load_id <> $3::bigint",
            self._contract.source, self._contract.entity, load_id,
        )  # fmt: skip
        if not found:
            return np.empty(0, dtype=np.uint64)
        waiting = np.array([int(text) for (text,) in found], dtype=np.int64).view(np.uint64)
        mine = [hashes[np.isin(hashes, waiting)] for hashes in self.store.of_load(load_id)]
        return np.concatenate(mine) if mine else np.empty(0, dtype=np.uint64)

    def _settle(self, places: KeyPlaces) -> list[Move]:
        if not len(places.hashes):
            return []
        run = self._loader.execute
        run("create temporary table claimed_place (load_id bigint, line_number bigint, key_hash bigint) on commit drop")
        self._loader.copy(
            None,
            "claimed_place",
            pl.DataFrame(
                {
                    "load_id": places.load_ids,
                    "line_number": places.lines,
                    "key_hash": places.hashes.view(np.int64),
                }
            ),
        )
        run("analyze claimed_place")
        for statement in (_CLAIMS, "analyze claim", _HOLD, _TAKE_OUT, _PUT_IN, _RENAME, _NO_LONGER_REFUSED, _REFUSED):
            reach("before_claims")
            run(self._filled(statement))
        moves = [self._move(row) for row in self._loader.rows(self._filled(_MOVED))]
        # Last, because what it deletes is looked at above.
        run(self._filled(_RELEASE))
        run("drop table claim, claimed_place")
        reach("after_claims")
        return moves

    def _move(self, row: tuple[Any, ...]) -> Move:
        load_id, before, after, count, *sums = row
        totals = {name: Decimal(str(total or 0)) for name, total in zip(self._summed, sums, strict=True)}
        return Move(int(load_id), str(before), str(after), int(count), totals)

    def _filled(self, statement: str) -> str:
        contract = self._contract
        columns = list(raw_columns(contract))
        summed = {name: sql.Identifier(name) for name in self._summed}
        return (
            sql.SQL(statement)
            .format(
                raw=raw_identifier(contract),
                source=sql.Literal(contract.source),
                entity=sql.Literal(contract.entity),
                message=sql.Literal(CONFLICT_MESSAGE),
                is_suspended=sql.Literal(self._is_suspending),
                columns=_listed(columns),
                row_columns=_listed(columns, "row"),
                raw_key=_listed(contract.landed_key, "raw"),
                row_key=_listed(contract.landed_key, "row"),
                raw_content=self._content("raw"),
                row_content=self._content("row"),
                raw_totals=self._totals("raw"),
                row_totals=self._totals("row"),
                kind_before=sql.SQL(_KIND).format(state=sql.Identifier("state")),
                kind_after=sql.SQL(_KIND).format(state=sql.Identifier("new_state")),
                sums=sql.SQL("").join(
                    sql.SQL(", sum((totals ->> {})::numeric)::text").format(sql.Literal(name)) for name in summed
                ),
            )
            .as_string()
        )

    def _content(self, table: str) -> sql.Composable:
        return sql.SQL(", ").join(
            sql.SQL("trim_scale({})" if column.type == "numeric" else "{}").format(
                sql.Identifier(table, column.landed_name)
            )
            for column in self._contract.columns
        )

    def _totals(self, table: str) -> sql.Composable:
        pairs = [sql.SQL("{}, {}").format(sql.Literal(name), sql.Identifier(table, name)) for name in self._summed]
        return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def _listed(names: Sequence[str], table: str | None = None) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(table, name) if table else sql.Identifier(name) for name in names)
