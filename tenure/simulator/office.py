"""The offices of the operator through a month: records, campaigns, money, loyalty, group business and the books."""

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.care_actions import care_for_vips
from tenure.simulator.consents import ask_consents, change_consents
from tenure.simulator.devices import equip
from tenure.simulator.enterprise import sell_to_groups
from tenure.simulator.finance import close_books
from tenure.simulator.journal import Journal
from tenure.simulator.leads import follow_leads
from tenure.simulator.loyalty import enrol, move_points
from tenure.simulator.marketing import Trial, start_campaigns
from tenure.simulator.orders import journal_orders
from tenure.simulator.parties import journal_parties
from tenure.simulator.payments import collect
from tenure.simulator.relations import relate
from tenure.simulator.staff import journal_staff
from tenure.simulator.state import World
from tenure.simulator.timeline import Month


def begin_month(world: World, seed: int, behaviour: Behaviour, journal: Journal, month: Month) -> list[Trial]:
    """What the month starts with, before anybody decides anything; returns its campaigns."""
    world.agenda.release(journal, month)
    if month.index == 0:
        journal_staff(journal)
        ask_consents(world, seed, journal, month, "opening")
    change_consents(world, seed, journal, month)
    enrol(world, seed, month)
    return start_campaigns(world, seed, behaviour, journal, month)


def end_month(world: World, seed: int, journal: Journal, month: Month) -> None:
    """What follows from everything that happened in the month, once it is billed."""
    ask_consents(world, seed, journal, month, "joining")
    relate(world, seed, journal, month)
    equip(world, seed, journal, month)
    journal_orders(world, seed, journal, month)
    journal_parties(world, journal)
    collect(world, seed, journal, month)
    move_points(world, seed, journal, month)
    care_for_vips(world, seed, journal, month)
    follow_leads(world, seed, journal, month)
    sell_to_groups(world, seed, journal, month)
    close_books(world, seed, journal, month)
