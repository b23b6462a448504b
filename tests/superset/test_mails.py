"""Alerts and reports, sent by the real Superset to a real mail server on loopback."""

from __future__ import annotations

import datetime as dt
import json
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tenure import services
from tenure.dashboards.files import yaml_text
from tenure.dashboards.mails import send_now
from tenure.dashboards.reports import read_reports, report_requests
from tenure.dashboards.web import WORKER, superset_services
from tenure.errors import TenureError
from tenure.settings import ROOT, Settings
from tests.superset.conftest import SupersetServer
from tests.superset.mails import READERS, Catcher, forget_what_was_told, marts_changed
from tests.superset.people import log_in

# One row each, so that it is put back exactly.
MORE_CHURN = """
update marts.kpi_monthly set numerator = numerator {sign} 1000
where (month, region_id, brand_name, service_line, plan_type, value_tier, kpi_code) = (
    select month, region_id, brand_name, service_line, plan_type, value_tier, kpi_code from marts.kpi_monthly
    where kpi_code = 'churn_rate' and not is_open_month order by month desc, region_id, brand_name, service_line,
    plan_type, value_tier limit 1)
"""
ROWS_LOST = """
update marts.landing_monthly set landed_count = landed_count {sign} 7
where (month, source_name, entity_name) = (
    select month, source_name, entity_name from marts.landing_monthly order by 1, 2, 3 limit 1)
"""
AS_OF = "update marts.publication set as_of_date = date '{day}' where is_current"


@pytest.fixture(scope="module")
def catcher(superset_server: SupersetServer) -> Iterator[Catcher]:
    with Catcher(superset_server.settings.mail_port).listening() as found:
        forget_what_was_told(superset_server.settings)
        yield found
    forget_what_was_told(superset_server.settings)


def churn(settings: Settings) -> tuple[str, float]:
    """The latest full month and the share of its opening base that left, counted from the movement of the base."""
    with psycopg.connect(settings.url("dashboard")) as connection:
        rows = connection.execute(
            "select month, opening_churn_count, opening_count from marts.base_movement_monthly where not is_open_month"
        ).fetchall()
    latest = max(month for month, _, _ in rows)
    left = sum(count for month, count, _ in rows if month == latest)
    return f"{latest:%Y-%m}", float(left / sum(count for month, _, count in rows if month == latest))


def opening(settings: Settings) -> int:
    with psycopg.connect(settings.url("dashboard")) as connection:
        rows = connection.execute(
            "select month, sum(opening_count) from marts.base_movement_monthly where not is_open_month group by month"
        ).fetchall()
    return int(max(rows)[1])


def published_day(settings: Settings) -> dt.date:
    with psycopg.connect(settings.url("dashboard")) as connection:
        day: dt.date = connection.execute("select as_of_date from marts.publication where is_current").fetchone()[0]
    return day


def states(settings: Settings, *names: str) -> dict[str, str]:
    return {outcome.name: outcome.state for outcome in send_now(settings, names)}


def test_an_alarm_says_the_number_once_until_it_is_mended_and_comes_anew(
    superset_server: SupersetServer, catcher: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = superset_server.settings
    month, share = churn(settings)
    limit = next(entry for entry in read_reports(settings.root) if entry["name"] == "churn_above_band")["limits"]
    assert 100 * share < limit["highest_percent"], "the simulated operator is in the band before the test begins"
    day = published_day(settings)
    today = dt.datetime.now(settings.zone)
    due = (today - dt.timedelta(hours=10)).date() - dt.timedelta(days=1)
    more_churn = MORE_CHURN.format(sign="+"), MORE_CHURN.format(sign="-")
    names = ("churn_above_band", "freshness_late", "balance_broken", "churn_above_band_zh", "executive_report")
    # Without a browser, which is also how a machine without one sends.
    monkeypatch.setenv("PATH", "/nowhere")
    with ExitStack() as late, ExitStack() as broken:
        late.enter_context(marts_changed(settings, AS_OF.format(day=due - dt.timedelta(3)), AS_OF.format(day=day)))
        broken.enter_context(marts_changed(settings, *more_churn))
        broken.enter_context(marts_changed(settings, ROWS_LOST.format(sign="-"), ROWS_LOST.format(sign="+")))
        assert states(settings, *names) == dict.fromkeys(names, "Success")
        mails = {(mail.to, mail.subject): mail for mail in catcher.taken()}
        assert len(mails) == len(names)
        english, percent = READERS["en"], f"{100 * (share + 1000 / opening(settings)):.2f} %"
        said = mails[english, "[Tenure] Churn is above its band"].html
        assert month in said and percent in said and f"{limit['highest_percent']} %" in said
        assert "days late: 3" in mails[english, "[Tenure] The data is late"].html
        assert "not accounted for: 7;" in mails[english, "[Tenure] The balance is broken"].html
        chinese = mails[READERS["zh"], "[Tenure] 流失率超出区间"].html
        assert percent in chinese and "离网率" in chinese
        assert mails[english, "[Tenure] Executive overview of the week"].pictures == ()
        log = (settings.logs_dir / "superset-mails.log").read_text()
        assert log.count("no chromium on this machine: Executive overview of the week goes without its picture") == 1
        # The churn is mended; the others still stand and were told.
        broken.pop_all().close()
        with marts_changed(settings, ROWS_LOST.format(sign="-"), ROWS_LOST.format(sign="+")):
            assert states(settings, *names[:3]) == {
                "churn_above_band": "Not triggered", "freshness_late": "On Grace", "balance_broken": "On Grace",
            }  # fmt: skip
        assert catcher.taken() == []
    with marts_changed(settings, AS_OF.format(day=due), AS_OF.format(day=day)), marts_changed(settings, *more_churn):
        assert states(settings, *names[:3]) == {
            "churn_above_band": "Success", "freshness_late": "Not triggered", "balance_broken": "Not triggered",
        }  # fmt: skip
    assert [mail.subject for mail in catcher.taken()] == ["[Tenure] Churn is above its band"]


@pytest.mark.long
def test_an_alarm_asks_as_the_login_of_the_dashboards(superset_server: SupersetServer, catcher: Catcher) -> None:
    settings, name = superset_server.settings, "balance_broken_zh"
    replace = "update report_schedule set sql = %s where extra_json::jsonb ->> 'tenure' = %s"
    with psycopg.connect(settings.url("superset"), autocommit=True) as connection:
        own = connection.execute("select sql from report_schedule where extra_json::jsonb ->> 'tenure' = %s", (name,))
        (sql,) = own.fetchone()
        connection.execute(replace, ("select 'asked as ' || current_user", name))
        try:
            assert states(settings, name) == {name: "Success"}
            (mail,) = catcher.taken()
            assert "asked as tenure_dashboard<" in mail.html
            # What it must not read, it does not; and that it failed is told, once.
            connection.execute(replace, ("select count(*)::text from ops.reject", name))
            forget_what_was_told(settings)
            assert states(settings, name) == {name: "Error"}
            (mail,) = catcher.taken()
            assert mail.to == "dongshi@operator.example" and mail.subject.startswith("[Tenure] Error occurred")
            assert states(settings, name) == {name: "Error"}
            assert catcher.taken() == []
        finally:
            connection.execute(replace, (sql, name))


def test_nothing_is_sent_without_a_server_or_a_reader(superset_server: SupersetServer) -> None:
    settings = superset_server.settings
    with pytest.raises(TenureError, match="no mail server"):
        send_now(settings.model_copy(update={"mail_host": None}))
    with pytest.raises(TenureError, match="fortune_teller"):
        send_now(settings, ["fortune_teller"])
    assert settings.model_copy(update={"mail_host": None}).mail_receivers("en") == ""
    assert len(superset_services(settings.model_copy(update={"mail_host": None}))) == 1
    assert [service.name for service in superset_services(settings)][1:] == [WORKER]


def test_only_the_process_that_sends_knows_the_password(superset_server: SupersetServer) -> None:
    from pydantic import SecretStr

    canary = "canary-of-the-mail-server"
    settings = superset_server.settings.model_copy(update={"mail_password": SecretStr(canary)})
    knowing = [service.name for service in superset_services(settings) if canary in str(service.env)]
    assert knowing == [WORKER]
    assert all(canary not in " ".join(service.argv) for service in superset_services(settings))


@pytest.fixture
def reporter(superset_server: SupersetServer) -> Iterator[Any]:
    """A session of the user who draws; nobody knows his password, so he is given the administrator's for a while."""
    url = superset_server.settings.url("superset")
    with psycopg.connect(url) as connection:
        own = connection.execute("select password from ab_user where username = 'tenure_reports'").fetchone()[0]
        connection.execute(
            "update ab_user set password = (select password from ab_user where username = 'admin')"
            " where username = 'tenure_reports'"
        )
    yield log_in(superset_server, "tenure_reports")
    with psycopg.connect(url) as connection:
        connection.execute("update ab_user set password = %s where username = 'tenure_reports'", (own,))


def test_a_page_drawn_for_a_mail_has_no_list_of_customers(superset_server: SupersetServer, reporter: Any) -> None:
    page = f"{superset_server.base}/api/v1/dashboard/executive-overview"
    shown = {}
    for who, session in (("admin", superset_server.api), ("reporter", reporter)):
        layout = session.get(page, timeout=60).json()["result"]["position_json"]
        charts = session.get(f"{page}/charts", timeout=60).json()["result"]
        shown[who] = {chart["slice_name"] for chart in charts}
        assert ("Churn watch list" in layout) == (who == "admin")
    assert shown["admin"] - shown["reporter"] == {"Churn watch list"}
    assert len(shown["reporter"]) > 5
    # A chart without its place would be drawn all the same, below the page.
    assert {name for name in shown["reporter"] if json.dumps(name)[1:-1] not in layout} == set()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chart": "executive_overview/watch_list"}, "subscription_id"),
        ({"chart": "executive_overview/crystal_ball"}, "crystal_ball"),
        ({"page": "executive_overview"}, "not both"),
        ({"sql": "select {highest}"}, "highest"),
        ({"remind_days": None}, "remind_days"),
        ({"every": "every morning"}, "every morning"),
        ({"evry": "* * * * *"}, "evry"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    (tmp_path / "dbt_project").symlink_to(ROOT / "dbt_project")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / "superset").mkdir()
    for name in ("assets", "language", "pages", "roles.yaml"):
        (tmp_path / "superset" / name).symlink_to(ROOT / "superset" / name)
    entries = read_reports(ROOT)
    entries[1] = {key: value for key, value in {**entries[1], **change}.items() if value is not None}
    (tmp_path / "superset" / "reports.yaml").write_text(yaml_text(entries), encoding="utf-8")
    with pytest.raises(TenureError, match=f"freshness_late.*{said}"):
        report_requests(tmp_path, "UTC", lambda code: "")


def size(picture: bytes) -> tuple[int, int]:
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


@pytest.mark.long
def test_pictures_are_attached(superset_server: SupersetServer, catcher: Catcher) -> None:
    settings = superset_server.settings
    forget_what_was_told(settings)
    day = published_day(settings)
    with marts_changed(settings, AS_OF.format(day="2020-01-01"), AS_OF.format(day=day)):
        assert states(settings, "freshness_late") == {"freshness_late": "Success"}
    assert states(settings, "executive_report", "executive_report_zh").keys() == {
        "executive_report", "executive_report_zh",
    }  # fmt: skip
    alarm, english, chinese = catcher.taken()
    for mail, (width, height) in ((alarm, (600, 300)), (english, (1200, 1200)), (chinese, (1200, 1200))):
        (picture,) = mail.pictures
        found = size(picture)
        assert width <= found[0] <= 2400 and height <= found[1] <= 6000, (mail.subject, found)
        assert 10_000 < len(picture) < 3_000_000, mail.subject
        assert mail.html.count('src="cid:') == 1, "the picture stands in the text"


@pytest.mark.long
def test_the_worker_sends_what_is_due_by_itself(superset_server: SupersetServer, catcher: Catcher) -> None:
    settings = superset_server.settings
    forget_what_was_told(settings)
    day = published_day(settings)
    every = "update report_schedule set crontab = %s where extra_json::jsonb ->> 'tenure' = 'freshness_late'"
    (worker,) = [service for service in superset_services(settings) if service.name == WORKER]
    with psycopg.connect(settings.url("superset"), autocommit=True) as connection:
        own = connection.execute(
            "select crontab from report_schedule where extra_json::jsonb ->> 'tenure' = 'freshness_late'"
        ).fetchone()[0]
        connection.execute(every, ("* * * * *",))
        try:
            with marts_changed(settings, AS_OF.format(day="2020-01-01"), AS_OF.format(day=day)):
                services.start(settings, worker)
                assert [mail.subject for mail in catcher.wait(300)] == ["[Tenure] The data is late"]
        finally:
            services.stop(settings, worker.name)
            connection.execute(every, (own,))
    assert "Traceback" not in worker.log_path.read_text()
