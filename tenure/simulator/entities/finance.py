"""Extracts of finance."""

from tenure.simulator.catalogue import CURRENCY as CURRENCY_CODE
from tenure.simulator.catalogue import REGIONS
from tenure.simulator.columns import amounts, dates, instants, millionths
from tenure.simulator.entities.entity import CAMPAIGN, CHANNEL, CURRENCY, LINE, REGION, Entity, codes_of, identifiers_of
from tenure.simulator.finance import ACCOUNT_CODES, COST_TYPES, CURRENCIES, KPI_CODES, UNIT_COSTS

_ALL = codes_of(("all",))


def finance() -> list[Entity]:
    """The extracts of finance, in delivery order."""
    return [
        Entity(
            "finance",
            "cost",
            (
                ("cost_id", identifiers_of("CO", 13)),
                ("cost_month", dates),
                ("cost_type", codes_of(COST_TYPES)),
                ("region_id", REGION),
                ("channel_id", CHANNEL),
                ("subscription_id", LINE),
                ("campaign_id", CAMPAIGN),
                ("amount", amounts),
                ("currency_code", CURRENCY),
                ("booked_at", instants),
            ),
            "booked_at",
            "csv.gz",
            "csv",
            "cost_id",
            ("region_id",),
            ("cost_type",),
            ("amount",),
            is_monthly=True,
        ),
        Entity(
            "finance",
            "unit_cost",
            (
                ("unit_cost_code", codes_of(tuple(entry[0] for entry in UNIT_COSTS))),
                ("effective_at", instants),
                ("service_type", codes_of(tuple(entry[1] for entry in UNIT_COSTS))),
                ("unit_name", codes_of(tuple(entry[2] for entry in UNIT_COSTS))),
                ("amount", amounts),
                ("currency_code", CURRENCY),
            ),
            "effective_at",
            "csv",
            "csv",
            "unit_cost_code",
            ("amount",),
            ("currency_code",),
        ),
        Entity(
            "finance",
            "exchange_rate",
            (
                ("from_currency_code", codes_of(tuple(currency[0] for currency in CURRENCIES))),
                ("to_currency_code", codes_of((CURRENCY_CODE,))),
                ("rate_date", dates),
                ("rate", millionths),
            ),
            "rate_date",
            "csv",
            "csv",
            "from_currency_code",
            ("rate",),
            ("from_currency_code",),
            is_monthly=True,
        ),
        Entity(
            "finance",
            "kpi_target",
            (
                ("kpi_code", codes_of(KPI_CODES)),
                ("effective_at", instants),
                ("month", dates),
                ("region_id", codes_of((*(region.region_id for region in REGIONS), "all"))),
                ("brand_name", _ALL),
                ("service_line", _ALL),
                ("plan_type", _ALL),
                ("target_value", millionths),
            ),
            "effective_at",
            "csv",
            "csv",
            "kpi_code",
            ("region_id",),
            ("kpi_code",),
        ),
        Entity(
            "finance",
            "gl_total",
            (
                ("account_code", codes_of(ACCOUNT_CODES)),
                ("month", dates),
                ("amount", amounts),
                ("currency_code", CURRENCY),
                ("booked_at", instants),
            ),
            "booked_at",
            "jsonl",
            "csv",
            "account_code",
            ("amount",),
            ("account_code",),
            ("amount",),
            is_monthly=True,
        ),
    ]
