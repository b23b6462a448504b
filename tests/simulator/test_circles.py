"""Calling circles: relatives first, then people of the region; who leaves is missed for two months."""

from __future__ import annotations

import numpy as np
import pytest

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.circles import circle_loss, settle_circles
from tenure.simulator.journal import Journal
from tenure.simulator.opening import open_operator
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, month_at, parse_start

START = parse_start("2025-08")


@pytest.fixture
def world() -> World:
    """An operator of 2,000 lines on its first day, with circles."""
    world = open_operator(4, Behaviour(), Journal(), month_at(START, 0), 2_000)
    settle_circles(world, 4, month_at(START, 0))
    return world


def test_a_circle_holds_other_mobile_lines_of_the_customer_or_the_region(world: World) -> None:
    lines = world.lines
    owner, place = np.nonzero(lines.circle >= 0)
    member = lines.circle[owner, place]
    assert (lines.msisdn[owner] >= 0).all()
    assert (lines.msisdn[member] >= 0).all()
    assert (member != owner).all()
    relative = lines.customer[member] == lines.customer[owner]
    assert (relative | (lines.region[member] == lines.region[owner])).all()
    assert relative.mean() > 0.2
    mobile = np.flatnonzero(lines.msisdn >= 0)
    assert ((lines.circle[mobile] >= 0).sum(axis=1) >= 2).all()
    assert all(len(set(circle)) == len(circle) for circle in (row[row >= 0] for row in lines.circle[mobile]))


def test_loss_is_the_share_of_the_circle_that_left_in_two_months(world: World) -> None:
    lines, month = world.lines, month_at(START, 4)
    line = int(np.flatnonzero((lines.circle >= 0).sum(axis=1) == 5)[0])
    long_gone, just_gone, silent = lines.circle[line, :3]
    assert circle_loss(world, month)[line] == 0
    lines.terminated_at[long_gone] = month.start - 70 * DAY_SECONDS
    lines.terminated_at[just_gone] = month.start - 40 * DAY_SECONDS
    lines.is_inactive[silent], lines.inactive_on[silent] = 1, month.first_day - 3
    assert circle_loss(world, month)[line] == pytest.approx(2 / 4)
    # What happens later is not known yet.
    lines.terminated_at[lines.circle[line, 3]] = month.start + DAY_SECONDS
    assert circle_loss(world, month)[line] == pytest.approx(2 / 4)


def test_places_of_those_gone_long_ago_are_filled_in_time(world: World) -> None:
    lines = world.lines
    gone = np.flatnonzero(lines.msisdn >= 0)[::5]
    lines.terminated_at[gone] = month_at(START, 0).end
    stays = np.setdiff1d(np.flatnonzero(lines.msisdn >= 0), gone)
    shares = []
    for index in range(1, 9):
        settle_circles(world, 4, month_at(START, index))
        shares.append(np.isin(lines.circle[stays], gone).mean())
    assert shares[0] == shares[1], "a loss is felt before the place is taken"
    assert shares[-1] < shares[0] / 10
