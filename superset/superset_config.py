"""Superset's settings for Tenure. Loaded by Superset itself (SUPERSET_CONFIG_PATH), never imported by the pipeline.

Everything secret or specific to a machine comes from the environment, so the same file serves `make demo`, the tests
and the containers. `tenure.dashboards.web` sets the variables for the first two.
"""

import csv
import hashlib
import os
import re
import sys
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

from flask import Flask, abort, g, jsonify, redirect, request, session
from superset.config import TALISMAN_CONFIG as STOCK_TALISMAN
from superset.config import THEME_DARK as STOCK_DARK
from superset.config import THEME_DEFAULT as STOCK_LIGHT
from superset.security import SupersetSecurityManager
from superset.translations.utils import get_language_pack
from werkzeug.wrappers import Response

# Superset loads this file by its path, which makes its neighbours no modules.
sys.path.append(str(Path(__file__).parent))
import cached_answers
import report_mails
from own_pages import show_own

APP_NAME = "Tenure"
SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
# Whoever knows the key signs his own session as anybody. Keys of examples are known to everybody; they are all short or
# say that they are to be changed.
if (
    len(SECRET_KEY) < 32
    or len(set(SECRET_KEY)) < 12
    or re.search(r"(?i)change_?me|your_own|secret_?key|example", SECRET_KEY)
):
    raise SystemExit("SUPERSET_SECRET_KEY is too short or one of an example: make one with `openssl rand -base64 42`")
if (
    os.environ.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false")
    or os.environ.get("SUPERSET_ENV") == "development"
):
    raise SystemExit("Superset does not start in debug mode, which runs code for whoever asks: unset FLASK_DEBUG")
SQLALCHEMY_DATABASE_URI = os.environ["SUPERSET_METADATA_URL"]
SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": True}

# Browsers do not keep cookies of two ports apart, so two checkouts on one machine would log each other out.
SESSION_COOKIE_NAME = "tenure_" + hashlib.sha256(SECRET_KEY.encode()).hexdigest()[:8]
SESSION_COOKIE_SECURE = os.environ.get("SUPERSET_HTTPS", "") == "1"

# --- Who gets in ------------------------------------------------------------------------------------------------
# AUTH_ROLE_PUBLIC stays unset: nobody sees anything without logging in.
AUTH_USER_REGISTRATION = False
ENABLE_UI_THEME_ADMINISTRATION = False
FEATURE_FLAGS = {
    # A page is open to the roles that roles.yaml names for it, and to no other.
    "DASHBOARD_RBAC": True,
    "DRILL_BY": True,
    "EMBEDDABLE_CHARTS": False,
    "ENABLE_TEMPLATE_PROCESSING": False,
    **report_mails.FLAGS,
}
globals().update(report_mails.SETTINGS)


# --- Who reads as whom ------------------------------------------------------------------------------------------
# Datasets hang on one connection. Which login it really opens follows from the user's role: the one connection
# `<WAREHOUSE> as <login>` that the role may use (superset/install.py). Postgres then shows that login its rows.
WAREHOUSE = "Tenure warehouse"
WAREHOUSE_LOGIN = "tenure_dashboard"


def login_of(user):
    """The connection with whose login this user reads the marts; None for one who reads nothing.

    One that is given several reads nothing either: what he sees would depend on chance.
    """
    from flask_appbuilder.security.sqla.models import Permission, PermissionView, Role, ViewMenu
    from superset.extensions import db, security_manager
    from superset.models.core import Database

    roles = security_manager.get_user_roles(user)
    if any(role.name == "Admin" for role in roles):
        return WAREHOUSE
    # Asked for by name, because this is asked for each answer, and a role has hundreds of permissions.
    rights = db.session.query(ViewMenu.name).join(PermissionView, PermissionView.view_menu_id == ViewMenu.id)
    rights = rights.join(Permission, Permission.id == PermissionView.permission_id).join(PermissionView.role)
    rights = rights.filter(Permission.name == "database_access", Role.id.in_([role.id for role in roles]))
    allowed = {name for (name,) in rights}
    logins = db.session.query(Database).filter(Database.database_name.startswith(f"{WAREHOUSE} as ")).all()
    found = [database.database_name for database in logins if database.perm in allowed]
    return found[0] if len(found) == 1 else None


def DB_CONNECTION_MUTATOR(uri, params, username, security_manager, source):
    """The connection of the warehouse, opened with the login of the user's role. Raises for a user without one."""
    from sqlalchemy.engine import make_url
    from superset.errors import ErrorLevel, SupersetError, SupersetErrorType
    from superset.exceptions import SupersetSecurityException
    from superset.extensions import db
    from superset.models.core import Database

    if uri.username != WAREHOUSE_LOGIN:
        return uri, params
    user = security_manager.find_user(username=username) if username else None
    name = login_of(user) if user is not None and user.is_active else None
    if name is None:
        raise SupersetSecurityException(
            SupersetError(
                message="Your role reads no data, or you have several that read different data.",
                error_type=SupersetErrorType.DATASOURCE_SECURITY_ACCESS_ERROR,
                level=ErrorLevel.ERROR,
            )
        )
    if name == WAREHOUSE:
        return uri, params
    own = make_url(db.session.query(Database).filter_by(database_name=name).one().sqlalchemy_uri_decrypted)
    return uri.set(username=own.username, password=own.password), params


class ReaderSecurityManager(SupersetSecurityManager):
    """Superset's own, with the login that reads as part of every key of a cached result."""

    def get_rls_cache_key(self, datasource):
        """What of a result depends on who asks: an executive's is never the answer to a regional manager."""
        return [f"reads as {self.reads_as(getattr(g, 'user', None))}", *super().get_rls_cache_key(datasource)]

    def reads_as(self, user):
        """What tells apart those who get different answers: the connection of `login_of`, one for each login."""
        name = None if user is None or user.is_anonymous else login_of(user)
        return f"{WAREHOUSE} as dashboard" if name == WAREHOUSE else name


CUSTOM_SECURITY_MANAGER = ReaderSecurityManager

# --- What leaves as a file ---------------------------------------------------------------------------------------
# A spreadsheet runs a cell that begins so, after spaces or a quote too, full-width forms included. Superset's own
# guard knows some of them. `tenure.analyst.harmless` does the same for `tenure sql`.
FORMULA = re.compile("^[ '\"]*[=+\\-@|%{\t\r\n\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"^-?[0-9]+(\.[0-9]+)?$")
# Written at once, as the guard needs it; streaming would also leave the request that says who asks.
CSV_STREAMING_ROW_THRESHOLD = 10**9


def harmless(value):
    """The text with an apostrophe before it if a spreadsheet would run it; anything else as it is."""
    if not isinstance(value, str) or not FORMULA.match(value) or NUMBER.match(value):
        return value
    # A bare carriage return would end the row.
    return "'" + value.replace("\r\n", "\n").replace("\r", "\n")


def harmless_frame(frame):
    """A table with all its texts and headings harmless."""
    frame = frame.rename(columns=harmless)
    return frame.apply(lambda column: column.map(harmless) if column.dtype == object else column)


def guard_exports() -> None:
    """Put our guard in the place of Superset's, for every way in which a file leaves."""
    from superset.commands.streaming_export import base as streamed
    from superset.utils import csv as written
    from superset.utils import excel

    class HarmlessWriter:
        def __init__(self, *args, **kwargs):
            self._writer = csv.writer(*args, **kwargs)

        def writerow(self, row):
            self._writer.writerow([harmless(value) for value in row])

    written.escape_value = harmless
    excel.quote_formulas = harmless_frame
    streamed.csv = SimpleNamespace(writer=HarmlessWriter, QUOTE_MINIMAL=csv.QUOTE_MINIMAL)


# --- What a page may load: only what this server serves. No telemetry pixel, no fonts or maps from elsewhere. ------
TALISMAN_CONFIG = deepcopy(STOCK_TALISMAN)
TALISMAN_CONFIG["content_security_policy"].update(
    {
        "img-src": ["'self'", "blob:", "data:"],
        "connect-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "frame-ancestors": ["'self'"],
    }
)
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []

# --- Caches -----------------------------------------------------------------------------------------------------
# The key of a query result contains the dataset's `changed_on`. `tenure.dashboards.refresh` sets that to the moment
# of the publication, so a result of an older publication can never be shown; it just falls out of the cache.
REDIS_URL = os.environ.get("SUPERSET_REDIS_URL", "")
CACHE_DIR = Path(os.environ.get("SUPERSET_CACHE_DIR", ""))
# Files of a cache. All pages of all logins are some thousands after each publication; beyond this the oldest go, and
# each new one looks through all of them.
KEPT = 20_000


def _cache(name: str, lifetime: timedelta) -> dict[str, object]:
    if REDIS_URL:
        backend: dict[str, object] = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": REDIS_URL}
    elif str(CACHE_DIR) != ".":
        backend = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(CACHE_DIR / name), "CACHE_THRESHOLD": KEPT}
    else:
        backend = {"CACHE_TYPE": "SimpleCache"}
    return {
        **backend,
        "CACHE_DEFAULT_TIMEOUT": int(lifetime.total_seconds()),
        "CACHE_KEY_PREFIX": f"tenure_{name}_",
    }


CACHE_CONFIG = _cache("metadata", timedelta(hours=1))
DATA_CACHE_CONFIG = _cache("data", timedelta(days=1))
if REDIS_URL:
    RATELIMIT_STORAGE_URI = REDIS_URL

# --- In which language -------------------------------------------------------------------------------------------
# Superset speaks these; the dashboards are in each of them (superset/language). Before somebody chooses one in the
# menu, the browser's own counts.
LANGUAGES = {"en": {"flag": "us", "name": "English"}, "zh": {"flag": "cn", "name": "中文"}}
BABEL_DEFAULT_LOCALE = "en"
HOME_PATH = "/superset/welcome/"
_PAGE = re.compile(rf"/superset/dashboard/([\w-]+?)(?:-(?:{'|'.join(LANGUAGES)}))?/")

# Words that Superset's own Chinese gets wrong; its tables show them on every page.
CORRECTED = {
    "zh": {
        "Summary": ["合计"], "entries": ["条"], "entries per page": ["条/页"], "Show %s entries": ["每页 %s 条"],
        "%s record": ["%s 条记录"], "Users": ["用户"],
    }
}  # fmt: skip


def _language_pack(language: str) -> Response:
    pack = get_language_pack(language)
    pack["locale_data"]["superset"].update(CORRECTED[language])
    return jsonify(pack)


def _address(page: str, language: str) -> str:
    suffix = "" if language == BABEL_DEFAULT_LOCALE else f"-{language}"
    return f"/superset/dashboard/{page}{suffix}/"


def _choose_language() -> Response | None:
    """The viewer's language from the first request on; who asks for no page lands on the executive overview in it."""
    if "locale" not in session:
        session["locale"] = request.accept_languages.best_match(LANGUAGES) or BABEL_DEFAULT_LOCALE
    if request.method == "GET" and request.path in ("/", HOME_PATH):
        return redirect(_address("executive-overview", session["locale"]))
    if request.path.startswith("/lang/") and request.path.split("/")[2] not in LANGUAGES:
        abort(404)  # Superset fails on a language that it does not have.
    asked = re.fullmatch(r"/superset/language_pack/(\w+)/", request.path)
    if asked and asked[1] in CORRECTED:
        return _language_pack(asked[1])
    return None


def _stay_on_the_page(response: Response) -> Response:
    """Who changes the language on a page sees the same page in the other one."""
    page = _PAGE.search(response.headers.get("Location", ""))
    if request.path.startswith("/lang/") and page:
        response.headers["Location"] = _address(page[1], session["locale"])
    return response


def FLASK_APP_MUTATOR(app: Flask) -> None:
    """Called by Superset with its application."""
    guard_exports()
    cached_answers.attach()
    app.before_request(_choose_language)
    app.after_request(_stay_on_the_page)
    app.after_request(show_own)
    report_mails.attach()


# --- How it looks -----------------------------------------------------------------------------------------------
# Seven colours that stay apart for the common kinds of colour blindness, on white and on near-black.
PALETTE = ["#2F6FDE", "#E8871E", "#16A394", "#8E66CC", "#D6A419", "#CF4A3C", "#7B8AA3"]
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {"id": "tenure", "description": "", "label": "Tenure", "isDefault": True, "colors": PALETTE}
]
# Light to dark of one hue, so that a high value stands out in print and for every kind of eye; red is for what is bad.
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {
        "id": "tenure_heat", "description": "", "label": "Tenure heat", "isDiverging": False, "isDefault": False,
        "colors": ["#F4F6FB", "#D3DFF6", "#92B2EC", "#2F6FDE"],
    },
    {
        "id": "tenure_risk", "description": "", "label": "Tenure risk", "isDiverging": False, "isDefault": False,
        "colors": ["#F4F6FB", "#F3D9CF", "#E8A08F", "#CF4A3C"],
    },
]  # fmt: skip

LOGO_TARGET_PATH = HOME_PATH
LOGO_TOOLTIP = "Tenure"

_MARK = (
    "<rect x='0' y='10' width='6' height='14' rx='1.5' fill='#16A394'/>"
    "<rect x='9' y='5' width='6' height='19' rx='1.5' fill='#2F6FDE'/>"
    "<rect x='18' y='0' width='6' height='24' rx='1.5' fill='#E8871E'/>"
)
# The word as strokes, because an SVG used as an image cannot load the page's font.
_WORD = (
    "M34 4H48M41 4V21 M64 4H53V21H64M53 12.5H62 M70 21V4L82 21V4 "
    "M89 4V15A6 6 0 0 0 101 15V4 M108 21V4H115A4.7 4.7 0 0 1 115 13.4H108M114 13.4L120 21 "
    "M137 4H126V21H137M126 12.5H135"
)


def _svg(body: str, width: int) -> str:
    text = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} 24' width='{width}' height='24'>{body}</svg>"
    return "data:image/svg+xml," + quote(text)


def _logo(ink: str) -> str:
    word = f"<path d='{_WORD}' fill='none' stroke='{ink}' stroke-width='2.6' stroke-linecap='round'/>"
    return _svg(_MARK + word, 140)


FAVICONS = [{"href": _svg(_MARK, 24)}]
APP_ICON = _logo("#1B2430")

_BRAND = {
    "brandAppName": APP_NAME,
    "brandLogoAlt": APP_NAME,
    "brandLogoHref": HOME_PATH,
    "brandLogoHeight": "22px",
    "fontFamily": "Inter, 'Noto Sans', 'Noto Sans CJK SC', Helvetica, Arial, sans-serif",
    "borderRadius": 6,
}
_LIGHT = {
    "brandLogoUrl": APP_ICON,
    "colorPrimary": "#2A61C4",
    "colorLink": "#2A61C4",
    "colorInfo": "#2F6FDE",
    "colorSuccess": "#128A7D",
    "colorWarning": "#C77412",
    "colorError": "#C03F32",
    "colorTextBase": "#1B2430",
    "colorBgLayout": "#F3F5F9",
}
_DARK = {
    "brandLogoUrl": _logo("#E9EEF6"),
    "colorPrimary": "#5B92F5",
    "colorLink": "#8AB4FF",
    "colorInfo": "#5B92F5",
    "colorSuccess": "#2BBFAE",
    "colorWarning": "#F0A04B",
    "colorError": "#EF6A5B",
    "colorBgBase": "#12161D",
}


def _chart_overrides(grid: str) -> dict[str, object]:
    """What Superset's own theming leaves out: grid lines of charts with two axes; and no All/Inv buttons in legends."""
    plain: dict[str, object] = {"legend": {"selector": False}}
    two_axes = {**plain, "yAxis": {"splitLine": {"lineStyle": {"color": grid}}}}
    one_axis = ("echarts_timeseries_bar", "echarts_timeseries_line", "echarts_timeseries_scatter", "bubble_v2")
    return {**dict.fromkeys(one_axis, plain), "mixed_timeseries": two_axes}


# Merged, because a theme without Superset's own extra tokens leaves parts of the page unstyled.
THEME_DEFAULT = {
    **STOCK_LIGHT,
    "token": {**STOCK_LIGHT["token"], **_BRAND, **_LIGHT},
    "echartsOptionsOverridesByChartType": _chart_overrides("rgba(27, 36, 48, 0.08)"),
}
THEME_DARK = {
    **STOCK_DARK,
    "token": {**STOCK_DARK["token"], **_BRAND, **_DARK},
    "echartsOptionsOverridesByChartType": _chart_overrides("rgba(233, 238, 246, 0.10)"),
}
