"""One chart of a page: from its few lines in superset/pages to the parameters and query that Superset keeps.

Each kind is a picture that answers one sort of question; what all charts of a kind share is here and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tenure.dashboards.language import Language
from tenure.dashboards.shapes import SINGLE_CURRENCY
from tenure.errors import TenureError

Spec = dict[str, Any]
KPI_DATASET = re.compile(r"kpi_(money_)?trend(_[a-z]{2})?")
MONEY_FORMATS = (",.0f", ",.2f")
SMART = "SMART_NUMBER"
CURRENCY = {"symbol": "AUTO", "symbolPosition": "prefix"}
MONTH_AXIS = {"x_axis": "month", "time_grain_sqla": "P1M", "x_axis_time_format": "%b %y"}
BASE_AXIS = {
    "columnType": "BASE_AXIS", "expressionType": "SQL", "label": "month", "sqlExpression": "month", "timeGrain": "P1M",
}  # fmt: skip
TIME_FORMATS = {"x_axis_time_format", "tooltipTimeFormat", "time_format", "table_timestamp_format"}
AXES = {
    "xAxisLabelRotation": 0, "color_scheme": "tenure", "show_legend": True, "legendType": "scroll",
    "legendOrientation": "top", "rich_tooltip": True, "tooltipTimeFormat": "%B %Y", "row_limit": 10000,
    "truncateXAxis": False, "minorTicks": False, "zoomable": False, "x_axis_force_categorical": False,
    "sort_series_type": "sum", "truncate_metric": True, "show_empty_columns": True, "comparison_type": "values",
    "annotation_layers": [], "x_axis_sort_asc": True, "adhoc_filters": [],
}  # fmt: skip


class Dataset:
    """What a chart may ask of its dataset: names of columns, formats and labels of metrics."""

    def __init__(self, document: Spec) -> None:
        self.document = document
        self.name: str = document["table_name"]
        self.uuid: str = document["uuid"]
        self.columns = {column["column_name"]: column for column in document["columns"]}
        self.metrics = {metric["metric_name"]: metric for metric in document["metrics"]}

    def is_amount(self, metric: str) -> bool:
        """Whether the metric is written with its currency: days or ratios made of amounts are not."""
        one = self.metrics[metric]
        return SINGLE_CURRENCY in one["expression"] and one["d3format"] in MONEY_FORMATS

    def number_format(self, metric: str) -> str:
        """How its values are written at full length (d3-format)."""
        return str(self.metrics[metric]["d3format"])

    def axis_format(self, metric: str) -> str:
        """How its values are written along an axis: thousands as k, millions as M, and a half as 0.5, not as 500m."""
        text = self.number_format(metric)
        return SMART if text in (",d", "+,d", *MONEY_FORMATS) else text.replace(".2%", ".1%")


def chart_document(name: str, uuid: str, spec: Spec, dataset: Dataset, language: Language) -> Spec:
    """The chart as a file of superset/assets: title, description, parameters and the query behind them.

    Raises TenureError on a kind, column or metric that does not exist.
    """
    maker = KINDS.get(spec["kind"])
    if maker is None:
        raise TenureError(f"chart {name} is of the kind {spec['kind']!r}", hint=f"use one of {', '.join(KINDS)}")
    _check_names(name, spec, dataset)
    viz_type, params, queries = maker(spec, dataset)
    conditions: list[tuple[str, str, Any]] = [(column, "IS TRUE", None) for column in spec.get("where", [])]
    only = dict(spec.get("only", {}))
    if "kpi_code" in dataset.columns and metrics_named(spec) and "kpi_code" not in only:
        # Rows of other KPIs would only add slices in which these have nothing.
        only["kpi_code"] = metrics_named(spec)
    conditions += [(column, "IN", values) for column, values in only.items()]
    params["adhoc_filters"] = [
        {"expressionType": "SIMPLE", "clause": "WHERE", "subject": column, "operator": word, "comparator": values}
        for column, word, values in conditions
    ]
    if "adhoc_filters_b" in params:
        params["adhoc_filters_b"] = params["adhoc_filters"]
    params.update(spec.get("options", {}))
    params.update({key: language.text(params[key]) for key in TIME_FORMATS & params.keys() if "%" in params[key]})
    # On a page the month filter chooses; without it (export, alert) the newest full month is meant.
    if "is_newest" in dataset.columns:
        conditions.append(("is_newest", "IS TRUE", None))
    for query in queries:
        query["filters"] = [
            {"col": column, "op": word, **({} if values is None else {"val": values})}
            for column, word, values in conditions
        ]
    return {
        "uuid": uuid,
        "version": "1.0.0",
        "slice_name": spec["title"],
        "viz_type": viz_type,
        "dataset_uuid": dataset.uuid,
        "description": spec["about"],
        "params": params,
        "query_context": {"queries": queries},
    }


def metrics_named(spec: Spec) -> list[str]:
    """The metrics that a chart's lines name."""
    single = [spec[key] for key in ("metric", "size") if key in spec]
    if spec["kind"] in ("bubble", "map"):
        single += [spec["x"], spec["y"]]
    return [*single, *spec.get("metrics", []), *spec.get("metrics_right", [])]


def columns_named(spec: Spec) -> list[str]:
    """The columns that a chart's lines name."""
    keys = ("source", "target", "entity", "series") + (() if spec["kind"] in ("bubble", "map") else ("x", "y"))
    single = [spec[key] for key in keys if key in spec]
    return [*single, *spec.get("by", []), *spec.get("columns", []), *spec.get("where", []), *spec.get("only", {})]


def metrics_of(chart: Spec) -> list[str]:
    """Names of the dataset's metrics that a finished chart shows, in its order."""
    queries = chart["query_context"]["queries"]
    return list(dict.fromkeys(name for query in queries for name in query.get("metrics", [])))


def definitions_of(chart: Spec, datasets: dict[str, Spec]) -> Iterator[tuple[str, str]]:
    """Label and definition of each metric a finished chart shows; of a board, of the KPIs in its rows instead.

    datasets: the dataset documents of the chart's language by uuid.
    """
    own = {metric["metric_name"]: metric for metric in datasets[chart["dataset_uuid"]]["metrics"]}
    # Those of the KPIs last, so that they count where a dataset has a metric of the same name.
    by_rank = sorted(datasets.values(), key=lambda dataset: bool(KPI_DATASET.fullmatch(dataset["table_name"])))
    named = {metric["metric_name"]: metric for dataset in by_rank for metric in dataset["metrics"]}
    filters = chart["query_context"]["queries"][0]["filters"]
    rows = [name for item in filters if item["col"] == "kpi_code" for name in item["val"]]
    for name in rows or metrics_of(chart):
        metric = named[name] if rows else own[name]
        yield metric["verbose_name"], metric["description"]


def _check_names(name: str, spec: Spec, dataset: Dataset) -> None:
    unknown = [one for one in metrics_named(spec) if one not in dataset.metrics]
    unknown += [one for one in columns_named(spec) if one not in dataset.columns]
    if unknown:
        raise TenureError(f"chart {name} asks dataset {dataset.name} for {', '.join(unknown)}, which it has not")


def _query(columns: list[Any], metrics: list[str], orderby: list[Any], limit: int) -> Spec:
    is_by_month = any(isinstance(column, dict) for column in columns)
    extras = {"extras": {"time_grain_sqla": "P1M"}} if is_by_month else {}
    return {"columns": columns, "metrics": metrics, "filters": [], "orderby": orderby, "row_limit": limit, **extras}


def _axis(column: str) -> Any:
    return dict(BASE_AXIS) if column == "month" else column


def _currency(dataset: Dataset, metric: str, key: str = "currency_format") -> Spec:
    return {key: dict(CURRENCY)} if dataset.is_amount(metric) else {}


def _total(spec: Spec, dataset: Dataset) -> tuple[str, Spec, list[Spec]]:
    metric = spec["metric"]
    params = {
        "metric": metric, "header_font_size": 0.4, "subtitle": spec.get("subtitle", ""), "subtitle_font_size": 0.15,
        "subheader_font_size": 0.15, "y_axis_format": dataset.number_format(metric), **_currency(dataset, metric),
    }  # fmt: skip
    if "%Y" in dataset.number_format(metric):
        params |= {"time_format": params["y_axis_format"], "force_timestamp_formatting": True}
        params["y_axis_format"] = SMART
    return "big_number_total", params, [_query([], [metric], [], 1)]


def _over_axis(viz_type: str, extra: Spec) -> Callable[[Spec, Dataset], tuple[str, Spec, list[Spec]]]:
    def make(spec: Spec, dataset: Dataset) -> tuple[str, Spec, list[Spec]]:
        axis, metrics, by = spec.get("x", "month"), list(spec["metrics"]), list(spec.get("by", []))
        axis_params: Spec = MONTH_AXIS if axis == "month" else {"x_axis": axis, "x_axis_sort": axis}
        if dataset.columns[axis]["type"] == "INTEGER":
            axis_params |= {"x_axis_title": dataset.columns[axis]["verbose_name"], "x_axis_title_margin": 25}
        if extra.get("orientation") == "horizontal":
            # The longest on top, whether it is one bar or several behind each other.
            axis_params |= {"x_axis_sort": "sum" if by else metrics[0]}
        params = {
            **AXES, **axis_params, "metrics": metrics, "groupby": by, "y_axis_format": dataset.axis_format(metrics[0]),
            "show_value": False, **_currency(dataset, metrics[0]), **extra,
        }  # fmt: skip
        if axis != "month":
            params["xAxisLabelInterval"] = "0"
        if spec.get("is_stacked"):
            params["stack"] = "Stack"
        return viz_type, params, [_query([_axis(axis), *by], metrics, [], 10000)]

    return make


def _mixed(spec: Spec, dataset: Dataset) -> tuple[str, Spec, list[Spec]]:
    left, right = list(spec["metrics"]), list(spec["metrics_right"])
    params = {
        **AXES, **MONTH_AXIS, "row_limit_b": 10000, "truncateYAxis": False, "show_query_identifiers": False,
        "metrics": left, "groupby": [], "seriesType": "bar", "yAxisIndex": 0,
        "y_axis_format": dataset.axis_format(left[0]), "y_axis_bounds": [0, None], **_currency(dataset, left[0]),
        "metrics_b": right, "groupby_b": [], "adhoc_filters_b": [], "seriesTypeB": "line", "yAxisIndexB": 1,
        "markerEnabledB": True, "markerSizeB": 5, "y_axis_format_secondary": dataset.axis_format(right[0]),
        "y_axis_title": "", "yAxisTitleSecondary": "", **_currency(dataset, right[0], "currency_format_secondary"),
    }  # fmt: skip
    return "mixed_timeseries", params, [_query([_axis("month")], metrics, [], 10000) for metrics in (left, right)]


def _heat(spec: Spec, dataset: Dataset) -> tuple[str, Spec, list[Spec]]:
    axis, rows, metric = spec.get("x", "month"), spec["y"], spec["metric"]
    digits = ".2~s" if dataset.is_amount(metric) else ".4~s" if spec["width"] > 6 else ".3~s"
    params = {
        **(MONTH_AXIS if axis == "month" else {"x_axis": axis}), "groupby": rows, "metric": metric, "row_limit": 10000,
        "sort_x_axis": "alpha_asc", "sort_y_axis": "alpha_desc", "normalize_across": "heatmap", "normalized": False,
        "legend_type": "continuous", "linear_color_scheme": "tenure_heat", "yscale_interval": 1,
        # Thirteen months side by side need more than half a page.
        "xscale_interval": 2 if axis == "month" and spec["width"] < 7 else 1,
        "left_margin": 110, "bottom_margin": "auto", "value_bounds": [None, None],
        "y_axis_format": dataset.axis_format(metric).replace(SMART, digits), "show_legend": False,
        "show_percentage": False, "show_values": True, "xAxisLabelRotation": 0,
    }  # fmt: skip
    order = [[axis, True], [rows, False]]
    return "heatmap_v2", params, [_query([_axis(axis), rows], [metric], order, 10000)]


def _table_look(spec: Spec) -> Spec:
    formats: Spec = {name: {"d3NumberFormat": text} for name, text in spec.get("formats", {}).items()}
    for name, pixels in spec.get("widths", {}).items():
        formats.setdefault(name, {})["columnWidth"] = pixels
    for name in spec.get("right", []):
        formats.setdefault(name, {})["horizontalAlign"] = "right"
    return {
        "server_page_length": 10, "page_length": 10, "table_timestamp_format": "%d %b %Y",
        "show_cell_bars": spec.get("has_bars", False), "color_pn": False, "allow_rearrange_columns": False,
        "include_search": spec.get("has_search", False), "column_config": formats,
    }  # fmt: skip


def _board(spec: Spec, dataset: Dataset) -> tuple[str, Spec, list[Spec]]:
    """A table whose rows are drawn as cards (see `board_css`): one query for all headlines."""
    return _table({**spec, "by": ["kpi_label"], "metrics": CARD, "order": "kpi_order"}, dataset)


def board_css(title: str, count: int) -> str:
    """The look of a board of this title with so many cards: no header, at most six in a row."""
    chart = f'[data-test-chart-name="{title}"]'
    rules = {
        "thead, {} colgroup": "display: none",
        # Superset shows a table once it has measured its header.
        "[role=presentation]": "visibility: visible !important; height: auto !important; overflow: visible !important",
        "table, {} tbody": "display: block; width: 100% !important",
        "tbody": f"display: grid !important; grid-template-columns: repeat({min(count, 6)}, minmax(0, 1fr)); gap: 10px",
        "tr": "display: flex; flex-direction: column; padding: 8px 12px; border-left: 4px solid #2F6FDE;"
        " background: none !important; container-type: inline-size",
        "td": "display: block; width: auto !important; padding: 0 !important; border: 0 !important; font-size: 12px;"
        " line-height: 1.5; text-align: left !important; background: none !important",
        "td:nth-child(1)": "font-size: 13px; font-weight: 600",
        "td:nth-child(2)": "font-size: min(25px, 12cqw); line-height: 1.4; white-space: nowrap",
        "td:nth-child(3)": "font-size: min(16px, 7.6cqw); line-height: 1.2; color: #2F6FDE; white-space: pre",
    }
    return "".join(f"{chart} {key.format(chart)} {{ {rule}; }}\n" for key, rule in rules.items())


def limit_css(title: str) -> str:
    """No warning at a list of this title that it has reached its limit, which its description tells."""
    return f'[data-test-chart-name="{title}"] .header-controls .anticon-warning {{ display: none; }}\n'


def _order(text: str) -> list[Any]:
    """`name` ascending, `-name` descending, as Superset writes it."""
    return [text.removeprefix("-"), not text.startswith("-")]


def _table(spec: Spec, dataset: Dataset) -> tuple[str, Spec, list[Spec]]:
    by, metrics = list(spec["by"]), list(spec["metrics"])
    column, ascending = _order(spec.get("order", f"-{metrics[0]}"))
    params = {
        "query_mode": "aggregate", "groupby": by, "metrics": metrics, "timeseries_limit_metric": column,
        "order_desc": not ascending, "row_limit": 1000, "show_totals": False, **_table_look(spec),
    }  # fmt: skip
    if len(by) == 1:
        # A row a KPI, region or month: all of them, without a choice of how many.
        params |= {"page_length": 0, "table_timestamp_format": "%b %Y"}
    return "table", params, [_query(by, metrics, [[column, ascending]], 1000)]


def _list(spec: Spec, dataset: Dataset) -> tuple[str, Spec, list[Spec]]:
    columns, order, limit = list(spec["columns"]), [_order(text) for text in spec["order"]], spec.get("limit", 10000)
    params = {
        "query_mode": "raw", "all_columns": columns, "order_by_cols": [json.dumps(one) for one in order],
        "row_limit": limit, **_table_look(spec),
    }  # fmt: skip
    # Without metrics, not with none: Superset would else make one of rows that are alike.
    query = {key: value for key, value in _query(columns, [], order, limit).items() if key != "metrics"}
    return "table", params, [query]


def _sankey(spec: Spec, dataset: Dataset) -> tuple[str, Spec, list[Spec]]:
    ends, metric = [spec["source"], spec["target"]], spec["metric"]
    params = {
        "source": ends[0], "target": ends[1], "metric": metric, "row_limit": 10000, "sort_by_metric": True,
        "color_scheme": "tenure",
    }  # fmt: skip
    return "sankey_v2", params, [_query(ends, [metric], [[metric, False]], 10000)]


def _bubble(spec: Spec, dataset: Dataset) -> tuple[str, Spec, list[Spec]]:
    metrics = [spec["x"], spec["y"], spec["size"]]
    by = [spec["entity"], *([spec["series"]] if "series" in spec else [])]
    params = {
        "x": metrics[0], "y": metrics[1], "size": metrics[2], "entity": spec["entity"], "series": spec.get("series"),
        "row_limit": 1000, "max_bubble_size": "50", "color_scheme": "tenure", "show_legend": True, "opacity": 0.7,
        "legendType": "scroll", "legendOrientation": "top",
        "xAxisFormat": dataset.axis_format(metrics[0]), "y_axis_format": dataset.axis_format(metrics[1]),
        "tooltipSizeFormat": dataset.axis_format(metrics[2]), "x_axis_label": spec["x_label"],
        "y_axis_label": spec["y_label"], "x_axis_title_margin": 30, "y_axis_title_margin": 40,
        # Superset's "auto" is no distance between two labels: only the ends of the axis would have one.
        "truncateXAxis": False, "truncateYAxis": False, "xAxisLabelInterval": None,
    }  # fmt: skip
    return "bubble_v2", params, [_query(by, list(dict.fromkeys(metrics)), [[metrics[2], False]], 1000)]


def _map(spec: Spec, dataset: Dataset) -> tuple[str, Spec, list[Spec]]:
    """Bubbles at their places, by longitude and latitude; small enough for cities that are neighbours."""
    viz_type, params, queries = _bubble(spec, dataset)
    degrees = {"xAxisFormat": ",d", "y_axis_format": ",d", "truncateYAxis": True}
    # The largest first, so that a small one is drawn upon it, and hardly mixes its colour with it.
    order = {"orderby": json.dumps(spec["size"]), "order_desc": True, "opacity": 0.9}
    return viz_type, {**params, **degrees, **order, "max_bubble_size": "20"}, queries


def _funnel(spec: Spec, dataset: Dataset) -> tuple[str, Spec, list[Spec]]:
    """Bars of the stages in their order, the first on top; Superset's funnel has labels that nobody can read."""
    viz_type, params, queries = KINDS["flat_bars"](spec, dataset)
    own = {"x_axis_sort": spec["x"], "x_axis_sort_asc": False, "show_value": True, "show_legend": False}
    return viz_type, {**params, **own}, queries


# The lines of a card, from above.
CARD = ["kpi_headline", "kpi_trend", "kpi_against_month", "kpi_against_year", "kpi_against_target"]
LINE = {"markerEnabled": True, "markerSize": 5, "opacity": 0.2, "seriesType": "line", "truncateYAxis": False}
KINDS: dict[str, Callable[[Spec, Dataset], tuple[str, Spec, list[Spec]]]] = {
    "total": _total,
    "line": _over_axis("echarts_timeseries_line", LINE),
    "bars": _over_axis("echarts_timeseries_bar", {"orientation": "vertical"}),
    "flat_bars": _over_axis("echarts_timeseries_bar", {"orientation": "horizontal"}),
    "dots": _over_axis("echarts_timeseries_scatter", {"markerSize": 10}),
    "mixed": _mixed,
    "heat": _heat,
    "table": _table,
    "board": _board,
    "list": _list,
    "sankey": _sankey,
    "bubble": _bubble,
    "map": _map,
    "funnel": _funnel,
}
