"""The numbers that drive the simulated people. Probabilities are per month unless said otherwise."""

from dataclasses import asdict, dataclass, field

from tenure.errors import TenureError


@dataclass(frozen=True)
class Hazard:
    """Coefficients of the logit of leaving voluntarily in a month, all known at the start of that month."""

    intercept_prepaid: float = -5.95
    intercept_postpaid: float = -6.0
    intercept_broadband: float = -5.7
    group: float = -0.5  # a group line leaves less easily than a person's
    young_tenure: float = 1.6  # times exp(-tenure in months / 10)
    bound_by_contract: float = -1.1  # a contract that runs beyond the next month
    contract_expiring: float = 1.9  # a contract that ends within 30 days or ended within the last 45
    usage_decline: float = 5.6  # times the share of normal usage lost in the month before
    bill_shock: float = 1.3  # times the last bill over the mean of the two before, minus 1, from 0 to 1.5
    price_gap: float = 3.0  # times ln(own fee after discount / what rivals ask)


@dataclass(frozen=True)
class Behaviour:
    """Rates and sizes of everything else; `events_per_day` is the mean per mobile line."""

    events_per_day: float = 1.5
    hazard: Hazard = field(default_factory=Hazard)
    # new lines, as a share of the lines in service
    activation_rate: float = 0.041
    first_weeks_return: float = 0.012  # of new lines, taken back within the month of joining
    win_back_rate: float = 0.018  # of those lost in the last fourteen months
    # usage fading away before a decision to leave
    fade_start: float = 0.030
    fade_price_gap: float = 2.0
    fade_recovery: float = 0.22
    # prepaid lines falling silent
    dormancy_start: float = 0.017
    dormancy_start_fading: float = 0.13
    dormancy_short: float = 0.22  # back within 90 days
    dormancy_long: float = 0.16  # back after them: inactive churn, then reactivation
    reclaim_days: int = 210  # silence after which the operator takes the number back
    # arrears of postpaid lines
    arrears_rate: float = 0.011
    arrears_loss: float = 0.33  # of the suspended, lost for non-payment
    fraud_rate_new: float = 0.004  # in the first three months
    # changes that are not churn
    plan_change: float = 0.013
    region_move: float = 0.0025
    account_move: float = 0.003
    owner_move: float = 0.0015
    number_change: float = 0.002
    travel_rate: float = 0.030  # a month with roaming and an unusual bill
    correction_rate: float = 0.006  # of last month's bills, corrected this month


def check_counts(subscriptions: int, months: int, days: int, events_per_day: float, dirty: float) -> None:
    """Refuse sizes that make no operator."""
    for name, value, least in (("subscriptions", subscriptions, 1), ("months", months, 1), ("days", days, 0)):
        if value < least:
            raise TenureError(f"{name} is {value}", hint=f"it must be at least {least}")
    if days > 28:
        raise TenureError(f"days is {days}", hint="the open month takes 0 to 28 days; simulate one more month instead")
    if not 0 < events_per_day <= 200:
        raise TenureError(f"events per day is {events_per_day}", hint="it must be above 0 and at most 200")
    if not 0 <= dirty <= 0.05:
        raise TenureError(f"dirty share is {dirty}", hint="it must be between 0 and 0.05")


def as_record(behaviour: Behaviour) -> dict[str, object]:
    """The parameters as plain values, for truth/parameters.json."""
    return asdict(behaviour)
