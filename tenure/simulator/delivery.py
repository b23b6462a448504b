"""From what happened in a month to the files that deliver it."""

import numpy as np

from tenure.simulator.entities import Entity, entities
from tenure.simulator.extracts import ExtractWriter, FileStream
from tenure.simulator.journal import Columns, Journal
from tenure.simulator.timeline import Month, day_date

_BILLING = "billing.invoice_line"
_STREAMED = "usage.usage_event"  # written while it is made; the others wait for the end of the month


class MonthDelivery:
    """The extracts of one month: a file for each entity, or `open_days` daily files while the month is open.

    `is_end` says that no month comes after this one, `is_closing` that no closed one does.
    """

    def __init__(self, writer: ExtractWriter, month: Month, open_days: int, *, is_end: bool, is_closing: bool) -> None:
        self._writer, self._month, self._open_days = writer, month, open_days
        self._is_end, self._is_closing = is_end, is_closing
        self._streamed = entities()[_STREAMED]
        self._stream = None if open_days else self._open(self._streamed)

    def usage(self, rows: Columns, day: int) -> None:
        """The usage events of a day, in order of time."""
        if self._stream:
            self._stream.add(self._streamed.encode(rows))
        elif day < self._month.first_day + self._open_days:
            table = self._streamed.encode(rows)
            self._writer.write_days(self._streamed, table, np.full(table.num_rows, day), day, 1, self._end_day)

    def end_usage(self) -> None:
        """No more usage events in this month."""
        if self._stream:
            self._stream.close()

    def rest(self, journal: Journal) -> None:
        """Everything else that happened in the month."""
        for entity in entities().values():
            if entity is not self._streamed:
                self._deliver(entity, journal)

    @property
    def _end_day(self) -> int:
        """The day after the last one delivered."""
        return self._month.first_day + self._open_days

    def _open(self, entity: Entity) -> FileStream:
        # Bills are made when the month is over.
        named = self._month.end_day if entity.full_name == _BILLING else self._month.end_day - 1
        period = (self._month.first_date, day_date(self._month.end_day - 1))
        is_last = self._is_closing if entity.is_monthly else self._is_end
        return self._writer.open(entity, day_date(named), period, entity.monthly_format, is_last=is_last)

    def _deliver(self, entity: Entity, journal: Journal) -> None:
        rows = journal.take(entity.full_name)
        if entity.full_name == "crm.subscription_event" and rows is not None:
            rows = _number_events(rows, self._month)
        if rows is None:
            table, days = entity.table(entity.no_rows()), np.empty(0, dtype=np.int64)
        else:
            table, days = entity.table(rows), entity.days(rows)
        if not self._open_days:
            stream = self._open(entity)
            stream.add(table)
            stream.close()
        elif not entity.is_monthly:
            begins, count = self._month.first_day, self._open_days
            self._writer.write_days(entity, table, days, begins, count, self._end_day)


def _number_events(rows: Columns, month: Month) -> Columns:
    """The same rows in order of time, with event ids: the month and a running number within it."""
    order = np.lexsort((rows["event_type"], rows["subscription_id"], rows["occurred_at"]))
    ordered = {name: values[order] for name, values in rows.items()}
    ordered["event_id"] = int(month.code) * 10**8 + np.arange(1, len(order) + 1)
    return ordered
