"""What a browser asks when somebody opens a page and has chosen nothing yet, worked out without one.

A cached answer is found only by the very query that a browser sends, and Superset makes that query in scripts of the
browser. Here it is made from the parameters of a chart, for the pictures that tenure/dashboards/charts.py draws;
tests/superset/test_warm_pages.py holds it against a real browser, on every page.
"""

import json
from typing import Any

Query = dict[str, Any]
Filter = dict[str, Any]
OVER_AXIS = ("echarts_timeseries_bar", "echarts_timeseries_line", "echarts_timeseries_scatter")


def query_of_filter(column: str, is_ascending: bool) -> Query:
    """For the values that a filter above the charts offers."""
    return _query({}, [column], [], [], orderby=[[column, is_ascending]], row_limit=1000)


def queries_of_chart(viz_type: str, params: dict[str, Any], chosen: list[Filter]) -> list[Query]:
    """For the chart; chosen: conditions of the filters that reach it and choose a value by themselves.

    Raises KeyError on a sort of picture that our pages do not have.
    """
    if viz_type == "mixed_timeseries":
        right = {**params, "metrics": params["metrics_b"], "groupby": params["groupby_b"]}
        right |= {"adhoc_filters": params["adhoc_filters_b"], "row_limit": params["row_limit_b"]}
        return [_over_axis(params, chosen), _over_axis(right, chosen)]
    if viz_type in OVER_AXIS:
        return [_over_axis(params, chosen)]
    return [SINGLE[viz_type](params, chosen)]


def _query(
    params: dict[str, Any], columns: list[Any], metrics: list[str] | None, chosen: list[Filter], **more
) -> Query:
    own = [
        {"col": one["subject"], "op": one["operator"], "val": one["comparator"]}
        for one in params.get("adhoc_filters", [])
    ]
    grain = {"time_grain_sqla": params["time_grain_sqla"]} if "time_grain_sqla" in params else {}
    return {
        "filters": [*chosen, *own], "extras": {**grain, "having": "", "where": ""}, "columns": columns,
        **({} if metrics is None else {"metrics": metrics}), "annotation_layers": [], "series_limit": 0,
        "group_others_when_limit_reached": False, "order_desc": params.get("order_desc", True), **more,
    }  # fmt: skip


def _axis(params: dict[str, Any]) -> dict[str, Any]:
    name = params["x_axis"]
    grain = {"timeGrain": params["time_grain_sqla"]} if "time_grain_sqla" in params else {}
    return {
        **grain, "columnType": "BASE_AXIS", "sqlExpression": name, "label": name, "expressionType": "SQL",
        "isColumnReference": True,
    }  # fmt: skip


def _pivot(params: dict[str, Any], metrics: list[str], by: list[str]) -> dict[str, Any]:
    return {
        "operation": "pivot",
        "options": {
            "index": [params["x_axis"]], "columns": by, "drop_missing_columns": not params["show_empty_columns"],
            "aggregates": {metric: {"operator": "mean"} for metric in metrics},
        },
    }  # fmt: skip


def _over_axis(params: dict[str, Any], chosen: list[Filter]) -> Query:
    metrics, by = params["metrics"], params["groupby"]
    steps = [_pivot(params, metrics, by)]
    if by and len(metrics) == 1 and params["truncate_metric"]:
        steps.append({"operation": "rename", "options": {"columns": {metrics[0]: None}, "level": 0, "inplace": True}})
    if "x_axis_sort" in params and not by:
        place = {"is_sort_index": True} if params["x_axis_sort"] == params["x_axis"] else {"by": params["x_axis_sort"]}
        steps.append({"operation": "sort", "options": {**place, "ascending": params["x_axis_sort_asc"]}})
    return _query(
        params, [_axis(params), *by], metrics, chosen, orderby=[[metrics[0], False]], row_limit=params["row_limit"],
        series_columns=by, time_offsets=[], post_processing=[*steps, {"operation": "flatten"}],
    )  # fmt: skip


def _total(params: dict[str, Any], chosen: list[Filter]) -> Query:
    return _query(params, [], [params["metric"]], chosen)


def _heat(params: dict[str, Any], chosen: list[Filter]) -> Query:
    metric, rows = params["metric"], params["groupby"]
    order = [
        [name, params[sort] == "alpha_asc"] for name, sort in ((params["x_axis"], "sort_x_axis"), (rows, "sort_y_axis"))
    ]
    steps = [{"operation": "rank", "options": {"metric": metric}}]
    return _query(
        params, [_axis(params), rows], [metric], chosen, orderby=order, row_limit=params["row_limit"],
        post_processing=steps,
    )  # fmt: skip


def _table(params: dict[str, Any], chosen: list[Filter]) -> Query:
    shared = {"row_limit": params["row_limit"], "post_processing": [], "time_offsets": []}
    if params["query_mode"] == "raw":
        order = [json.loads(one) for one in params["order_by_cols"]]
        return _query(params, params["all_columns"], None, chosen, orderby=order, **shared)
    column = params["timeseries_limit_metric"]
    order = [[column, not params["order_desc"]]]
    return _query(
        params, params["groupby"], params["metrics"], chosen, orderby=order, series_limit_metric=column, **shared
    )


def _sankey(params: dict[str, Any], chosen: list[Filter]) -> Query:
    ends, metric = [params["source"], params["target"]], params["metric"]
    order = [[metric, False], *([end, True] for end in ends)]
    return _query(params, [], [metric], chosen, groupby=ends, orderby=order, row_limit=params["row_limit"])


def _bubble(params: dict[str, Any], chosen: list[Filter]) -> Query:
    metrics = list(dict.fromkeys(params[axis] for axis in ("x", "y", "size")))
    by = [params["entity"], *([params["series"]] if params["series"] else [])]
    order = {"orderby": [[json.loads(params["orderby"]), not params["order_desc"]]]} if "orderby" in params else {}
    return _query(params, by, metrics, chosen, row_limit=params["row_limit"], **order)


SINGLE = {
    "big_number_total": _total, "heatmap_v2": _heat, "table": _table,
    "sankey_v2": _sankey, "bubble_v2": _bubble,
}  # fmt: skip
