"""Horrors of values: numbers, instants, texts and codes as other programs write them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.landing.deliveries import csv_text
from tests.landing.horrors import BAD_LINE, GOOD, Horror, broken, ids, kept

PLAIN = "it is no plain decimal number: write digits and a point"
WHOLE = "it is no whole number: write digits only"
INSTANT = "it is no instant: write YYYY-MM-DDTHH:MM:SS with the zone offset"
NO_DAY = "there is no such day, or no such offset"
NO_NUMBER = "not-a-number and infinity are no amounts: leave it empty"
INVISIBLE = "it holds a control, invisible or replacement character: remove it"
ASCII = "in the digits 0 to 9 of ASCII"


def horrors() -> Iterator[Horror]:
    """Each of another kind."""
    yield from _amounts()
    yield from _counts()
    yield from _instants()
    yield from _texts()
    yield from _codes()


def _amounts() -> Iterator[Horror]:
    for name, value, message in (
        ("exponent", "1e3", f"{PLAIN}, without an exponent"),
        ("thousands", "1,234.56", f"{PLAIN}, without thousands separators"),
        ("continental", "1.234,56", PLAIN),
        ("comma", "12,50", f"{PLAIN}, with a point, not a comma"),
        ("space_before", " 5.00", f"{PLAIN}, without spaces around it"),
        ("plus_sign", "+5.00", f"{PLAIN}, without a plus sign"),
        ("full_width", "１２．５０", f"{PLAIN}, {ASCII}"),
        ("arabic_digits", "١٢.50", f"{PLAIN}, {ASCII}"),
        ("minus_of_typesetters", "\u22125.00", f"{PLAIN}, {ASCII}"),
        ("no_break_space", "1\u00a0234.50", f"{PLAIN}, {ASCII}"),
        ("currency_sign", "¥5.00", f"{PLAIN}, {ASCII}"),
        ("currency_behind", "5.00 CNY", PLAIN),
        ("point_at_end", "5.", PLAIN),
        ("point_first", ".50", PLAIN),
        ("two_signs", "--5.00", PLAIN),
        ("in_brackets", "(5.00)", PLAIN),
        ("hexadecimal", "0x1F", PLAIN),
        ("formula", "=1+1", f"{PLAIN}, and not the formula of a spreadsheet"),
        ("nan", "NaN", f"{PLAIN}, {NO_NUMBER}"),
        ("infinity", "-Infinity", f"{PLAIN}, {NO_NUMBER}"),
        ("spreadsheet_error", "#VALUE!", f"{PLAIN}, {NO_NUMBER}"),
        ("word", "five", PLAIN),
        ("null_of_copy", "\\N", PLAIN),
        ("thirty_digits", "1" * 30, "it is too large: 18 digits before the point are the most"),
        ("thirteen_decimals", "1.0000000000001", "it has more than 12 decimals"),
    ):
        yield broken(name, "amount", value, "type", message)
    yield broken("half_a_cent", "amount", "1.005", "scale", "it has more than 2 decimals")
    yield broken("no_amount", "amount", "", "required", "it is empty: every row needs it")
    yield kept("noughts_before", "amount", "0007.50", Decimal("7.5"))
    yield kept("noughts_behind", "amount", "1.5000", Decimal("1.5"))
    yield kept("less_than_nothing", "amount", "-5.00", Decimal(-5))
    yield kept("minus_nought", "amount", "-0.00", Decimal(0))
    yield kept("eighteen_digits", "amount", "9" * 18 + ".99", Decimal("9" * 18 + ".99"))
    name = "sen_of_a_yen"
    yield Horror(
        name, _topups(name, {"currency_code": "JPY", "amount": "10.50"}, {"currency_code": "JPY", "amount": "10.00"}),
        [*ids(name), f"{name}-bad1"],
        [(BAD_LINE, "amount", "scale", "it has more than 0 decimals, which JPY has")],
        values={"amount": Decimal(10)},
    )  # fmt: skip


def _topups(name: str, *more: dict[str, str]) -> bytes:
    from tests.landing.horrors import text

    return text(name, *more).encode()


def _usage(name: str, **changes: str) -> bytes:
    row = {
        "event_id": "", "msisdn": "13900000001", "started_at": "2026-01-10T10:00:00+08:00", "service_type": "voice",
        "direction": "outgoing", "network_type": "on_net", "roaming_type": "home", "other_operator": "",
        "other_party_msisdn": "", "duration_seconds": "60", "volume_bytes": "", "rated_amount": "0.1",
        "currency_code": "CNY", "sponsor_name": "",
    }  # fmt: skip
    rows = [row | {"event_id": key} for key in ids(name)]
    return csv_text([*rows, row | {"event_id": f"{name}-bad0"} | changes]).encode()


def _event(name: str, column: str, value: str, *said: tuple[str, str], **more: Any) -> Horror:
    rejects = [(BAD_LINE, column, rule, message) for rule, message in said]
    lands = ids(name) if said else [*ids(name), f"{name}-bad0"]
    return Horror(name, _usage(name, **{column: value}), lands, rejects, entity="usage.usage_event", **more)


def _counts() -> Iterator[Horror]:
    for name, value, rule, message in (
        ("seconds_with_decimals", "12.0", "type", "it has decimals, and this column holds whole numbers"),
        ("seconds_as_a_clock", "00:01:00", "type", WHOLE),
        ("grouped_seconds", "1_000", "type", WHOLE),
        ("seconds_beyond_64_bits", "9" * 20, "type", "it is too large: 18 digits are the most"),
        ("negative_seconds", "-1", "min", "it is less than 0"),
        ("eight_days", "691200", "max", "it is more than 604800"),
    ):
        yield _event(name, "duration_seconds", value, (rule, message))
    exact = "9007199254740993"
    yield _event("bytes_beyond_2_to_the_53", "volume_bytes", exact, ("max", "it is more than 1000000000000000"))
    yield _event(
        "bytes_that_no_float_holds", "volume_bytes", "999999999999999", values={"volume_bytes": 999999999999999}
    )
    yield _event("five_decimals", "rated_amount", "0.00001", ("scale", "it has more than 4 decimals"))


def _instants() -> Iterator[Horror]:
    for name, value in (
        ("no_offset", "2026-01-10T10:00:00"), ("day_only", "2026-01-10"), ("day_first", "10/01/2026 10:00"),
        ("seconds_since_1970", "1768010400"), ("midnight_as_24", "2026-01-10T24:00:00+08:00"),
        ("no_seconds", "2026-01-10T10:00+08:00"), ("seven_decimals", "2026-01-10T10:00:00.1234567+08:00"),
        ("named_zone", "2026-01-10 10:00:00 CST"), ("infinite_time", "infinity"), ("small_z", "2026-01-10t10:00:00z"),
        ("short_day", "2026-1-9T10:00:00+08:00"), ("minute_75", "2026-01-10T10:75:00+08:00"),
        ("digits_only", "20260110100000"),
    ):  # fmt: skip
        yield broken(name, "topped_up_at", value, "type", INSTANT)
    for name, value in (
        ("29_february", "2025-02-29T10:00:00+08:00"), ("31_april", "2025-04-31T10:00:00+08:00"),
        ("13th_month", "2025-13-01T10:00:00+08:00"), ("noughts_of_mysql", "0000-00-00 00:00:00Z"),
        ("offset_of_25_hours", "2026-01-10T10:00:00+25:00"),
    ):  # fmt: skip
        yield broken(name, "topped_up_at", value, "type", NO_DAY)
    yield broken(
        "leap_second", "topped_up_at", "2025-12-31T23:59:60Z", "leap_second",
        "it is a leap second, which cannot be stored: write the second before or after it",
    )  # fmt: skip
    late = (
        "it is before 2024-12-06, the first day that this file may still bring: check the year, or deliver it in a "
        "file whose manifest covers that day"
    )
    for name, value in (("year_0000", "0000-01-01T00:00:00Z"), ("epoch", "1970-01-01T00:00:00Z")):
        yield Horror(
            name, _topups(name, {"topped_up_at": value}), ids(name),
            [
                (BAD_LINE, "topped_up_at", "min", "it is before 1980-01-01"),
                (BAD_LINE, "topped_up_at", "too_late", late),
            ],
        )  # fmt: skip
    yield broken("last_year_but_one", "topped_up_at", "2024-01-10T10:00:00+08:00", "too_late", late)
    future = "it is later than the file can know: check the clock or the file's date"
    yield broken("next_year", "topped_up_at", "2027-01-10T10:00:00+08:00", "in_future", future)
    yield broken("a_second_too_late", "topped_up_at", "2026-01-12T00:00:01+08:00", "in_future", future)
    yield kept("last_moment", "topped_up_at", "2026-01-11T23:59:59.999999+08:00", "2026-01-11 15:59:59.999999+00:00")
    yield kept("offset_without_colon", "topped_up_at", "2026-01-10 10:00:00-0530", "2026-01-10 15:30:00+00:00")


def _texts() -> Iterator[Horror]:
    yield kept("noughts_in_an_id", "topup_id", "000123456789012345678901234567890")
    yield kept("id_beyond_2_to_the_53", "topup_id", "9007199254740993")
    yield kept("id_like_an_exponent", "topup_id", "12E45")
    yield kept("injected_sql", "channel_type", "'; drop table ops.load; --")
    yield kept("jinja", "channel_type", "{{ 7 * 7 }}{% raw %}")
    yield kept("shell", "channel_type", "$(reboot) `id` | cat &")
    yield kept("formula_in_a_text", "channel_type", '=HYPERLINK("http://x","y")')
    yield kept("percent_signs", "channel_type", "%s %(name)s 100%")
    yield kept("null_as_a_word", "channel_type", "NULL")
    yield kept("null_of_copy_as_a_text", "channel_type", "\\N")
    yield kept("backslash_at_end", "channel_type", "C:\\halls\\")
    yield kept("emoji", "channel_type", "📱👩\u200d👩\u200d👧")
    yield kept("rare_characters", "channel_type", "𠮷野家 龘")
    yield kept("decomposed_accents", "channel_type", "cafe\u0301")
    yield kept("spaces_around", "channel_type", "  app ")
    for name, value in (
        ("nul", "sh\0op"), ("tab", "sh\top"), ("escape", "\x1b[31mred"), ("delete", "shop\x7f"),
        ("c1_control", "shop\x85"), ("zero_width_space", "sh\u200bop"), ("turned_writing", "\u202egnp.exe"),
        ("byte_order_mark_within", "\ufeffapp"), ("lost_characters", "\ufffd\ufffd"),
    ):  # fmt: skip
        yield broken(name, "channel_type", value, "control_character", INVISIBLE)
    yield broken("id_of_a_zero_width_space", "topup_id", "T1\u200b", "control_character", INVISIBLE)
    yield broken("id_of_spaces", "topup_id", "   ", "required", "it is blank: every row needs it")
    yield broken("id_of_wide_spaces", "topup_id", "\u3000", "required", "it is blank: every row needs it")
    yield broken(
        "long_id", "topup_id", hashlib.sha256(b"x").hexdigest() + "1", "max_length", "it is longer than 64 characters"
    )
    yield broken("long_number", "msisdn", "1" * 21, "max_length", "it is longer than 20 characters")


def _codes() -> Iterator[Horror]:
    looks = "it does not look like [A-Z]{3}"
    yield broken("small_currency", "currency_code", "cny", "pattern", looks)
    yield broken("currency_sign_as_code", "currency_code", "¥", "pattern", looks)
    name = "currency_with_a_space"
    yield Horror(
        name, _topups(name, {"currency_code": "CNY "}), ids(name),
        [
            (BAD_LINE, "currency_code", "max_length", "it is longer than 3 characters"),
            (BAD_LINE, "currency_code", "pattern", looks),
        ],
    )  # fmt: skip
    yield _event("unknown_service", "service_type", "5G", ("values", "it is none of voice, sms, data, vas"))
    yield _event("code_in_capitals", "service_type", "VOICE", ("values", "it is none of voice, sms, data, vas"))
    name = "no_reason"
    rows = [
        {"event_id": key, "subscription_id": "S1", "event_type": "activated", "occurred_at": "2026-01-10T10:00:00Z",
         "reason_code": "", "other_operator": ""}
        for key in [*ids(name), f"{name}-bad0"]
    ]  # fmt: skip
    rows[GOOD]["event_type"] = "terminated"
    yield Horror(
        name, csv_text(rows).encode(), ids(name),
        [(BAD_LINE, "reason_code", "required", "it is empty: needed where event_type is terminated")],
        entity="crm.subscription_event",
    )  # fmt: skip
    yield from _customers()
    yield from _contracts()


def _customers() -> Iterator[Horror]:
    for name, column, value, rule, message in (
        ("yes", "is_senior", "yes", "type", "it is neither true nor false (nor 1 or 0)"),
        ("born_in_the_future", "birth_year", "2999", "max", "it is more than 2100"),
        ("born_with_a_number", "birth_year", "13800138000", "max", "it is more than 2100"),
    ):
        row = {
            "effective_at": "2025-06-01T08:00:00+08:00", "customer_type": "individual", "customer_name": "王小明",
            "id_number": "", "contact_msisdn": "", "region_id": "north", "gender": "female", "birth_year": "1990",
            "is_senior": "TRUE", "has_partner": "1", "has_dependents": "",
        }  # fmt: skip
        rows = [{"customer_id": key, **row} for key in [*ids(name), f"{name}-bad0"]]
        rows[GOOD][column] = value
        yield Horror(
            name, csv_text(rows).encode(), ids(name), [(BAD_LINE, column, rule, message)], entity="crm.customer"
        )


def _contracts() -> Iterator[Horror]:
    for name, value, rule, message in (
        ("date_with_slashes", "2026/01/10", "type", "it is no date: write YYYY-MM-DD"),
        ("date_with_a_time", "2026-01-10T00:00:00", "type", "it is no date: write YYYY-MM-DD"),
        ("30_february", "2026-02-30", "type", "there is no such day in the calendar"),
        ("before_telephones", "1815-06-18", "min", "it is before 1850-01-01"),
    ):
        row = {
            "effective_at": "2026-01-10T08:00:00+08:00", "subscription_id": "S1", "start_date": "2026-01-10",
            "end_date": "9999-12-31", "term_months": "12",
        }  # fmt: skip
        rows = [{"contract_id": key, **row} for key in [*ids(name), f"{name}-bad0"]]
        rows[GOOD]["start_date"] = value
        yield Horror(
            name, csv_text(rows).encode(), ids(name), [(BAD_LINE, "start_date", rule, message)], entity="crm.contract"
        )
