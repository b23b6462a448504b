"""The marketing calendar: which campaigns run in a month, for whom, and what they really do.

Months 0 to 14 are scripted; from month 15 on the calendar repeats yearly, and some runs fall out by chance.
"""

from dataclasses import dataclass

from tenure.simulator.catalogue import offer_position
from tenure.simulator.randomness import child

OBJECTIVES = ("retention", "upsell", "cross_sell", "win_back", "loyalty")
CHANNEL_CODES = ("sms", "call", "app")
RESPONSE_TYPES = ("persuadable", "sure", "lost", "sleeping_dog")
RECURS_FROM = 15
_YEAR = 12
_FALLS_OUT = 0.15


@dataclass(frozen=True)
class Campaign:
    """One entry of the calendar.

    `months` are those of its scripted runs. Outcomes: leaving (retention, loyalty), taking the offer (upsell and
    cross-sell; `offer_id` None means the next dearer plan), coming back (win-back). For leaving, `helps` and `harms`
    are the shifts of the logit for persuadable lines and sleeping dogs, in force in the month of the campaign and,
    where `lasts`, in the one after; for the other outcomes they are added to the probability. A campaign with neither
    changes nothing. `reach` is the share of the eligible that are targeted; unit cost in fen.
    """

    name: str
    objective: str
    channel: str
    audience: str
    months: tuple[int, ...]
    offer_id: str | None = None
    control_share: float = 0.3
    reach: float = 1.0
    unit_cost: int = 20
    persuadable: float = 0.0
    sleeping_dog: float = 0.0
    helps: float = 0.0
    harms: float = 0.0
    lasts: bool = False

    @property
    def outcome(self) -> str:
        """What the campaign wants to change: left, took_offer or came_back."""
        return {"retention": "left", "loyalty": "left", "win_back": "came_back"}.get(self.objective, "took_offer")


CALENDAR = (
    Campaign(
        "Renew and save",
        "retention",
        "call",
        "at_risk",
        (4, 8, 12),
        control_share=0.5,
        unit_cost=800,
        persuadable=0.75,
        sleeping_dog=0.03,
        helps=-2.2,
        harms=0.6,
        lasts=True,
    ),
    Campaign("Bonus data", "retention", "sms", "fading", (5, 9, 13), control_share=0.4, unit_cost=600),
    Campaign(
        "Save call",
        "retention",
        "call",
        "settled",
        (10,),
        control_share=0.5,
        reach=0.8,
        unit_cost=900,
        persuadable=0.10,
        sleeping_dog=0.55,
        helps=-0.8,
        harms=2.2,
        lasts=True,
    ),
    Campaign(
        "One plan up",
        "upsell",
        "call",
        "below_top_plan",
        (2, 6, 11),
        reach=0.25,
        unit_cost=700,
        persuadable=0.40,
        sleeping_dog=0.05,
        helps=0.20,
        harms=-0.03,
    ),
    Campaign("One plan up by app", "upsell", "app", "below_top_plan", (4, 8, 13), reach=0.2, unit_cost=5),
    Campaign(
        "Data pack",
        "upsell",
        "sms",
        "heavy_data",
        (1, 7, 10, 14),
        "X010",
        reach=0.6,
        persuadable=0.30,
        sleeping_dog=0.04,
        helps=0.15,
        harms=-0.03,
    ),
    Campaign("Video and music", "cross_sell", "sms", "no_addon", (2, 9, 12), "X020", reach=0.25),
    Campaign(
        "Come back",
        "win_back",
        "call",
        "lost",
        (3, 6, 11),
        control_share=0.4,
        unit_cost=1_200,
        persuadable=0.40,
        helps=0.15,
    ),
    Campaign("Points gift", "loyalty", "app", "member", (0, 6, 12), control_share=0.5, reach=0.2, unit_cost=5),
)


def campaigns_of(seed: int, month_index: int) -> list[int]:
    """Positions in CALENDAR of the campaigns that run in a month."""
    scripted, falls_out = month_index, [False] * len(CALENDAR)
    if month_index >= RECURS_FROM:
        scripted = RECURS_FROM - _YEAR + (month_index - RECURS_FROM) % _YEAR
        falls_out = list(child(seed, "campaign calendar", month_index).random(len(CALENDAR)) < _FALLS_OUT)
    return [
        position
        for position, campaign in enumerate(CALENDAR)
        if scripted in campaign.months and not falls_out[position]
    ]


def offer_of(campaign: Campaign) -> int:
    """Position of the offer that the campaign sells; -1 where it is another for each line, or none."""
    return offer_position(campaign.offer_id) if campaign.offer_id else -1
