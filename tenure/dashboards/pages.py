"""The pages: from superset/pages/*.yaml to charts and dashboards as Superset keeps them.

A page file says which questions the page answers, which charts it shows in which rows, and what each asks of which
dataset. Everything that follows from that is made here: uuids, layout, filters and their reach, links between pages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from tenure.dashboards.charts import Dataset, board_css, chart_document, definitions_of, limit_css
from tenure.dashboards.files import read_yaml
from tenure.dashboards.language import Language
from tenure.errors import TenureError

COLUMNS = 12
CHART_TEXTS = ("title", "about", "subtitle", "x_label", "y_label")
# A lifecycle stage among the colors; a flow says "before" or "now" behind it.
STAGE = re.compile(r"(?P<code>[A-E]) (?P<name>\w+)")
CSS = (
    "/* Tiles in a row leave no room for two lines of title. */\n"
    '.chart-slice[data-test-viz-type^="big_number"] .header-title { font-size: 13px; white-space: nowrap; }\n'
)
AS_OF = {
    "kind": "total", "dataset": "publication", "metric": "data_as_of", "width": 3, "title": "Data as of",
    "about": "The business date of the published version.",
}  # fmt: skip


def read_pages(root: Path) -> list[dict[str, Any]]:
    """The page files in the order in which the links name them; `slug` is the file's name."""
    pages = []
    for path in sorted((root / "superset" / "pages").glob("*.yaml")):
        page = read_yaml(path)
        pages.append({"slug": path.stem.replace("_", "-"), "file": path.stem, **page})
    return sorted(pages, key=lambda page: int(page["order"]))


def read_look(root: Path) -> dict[str, Any]:
    """What all pages share: `filters` above the charts and the `colors` of what has one everywhere."""
    look: dict[str, Any] = read_yaml(root / "superset" / "look.yaml")
    return look


def page_files(
    root: Path, dataset_documents: dict[str, dict[str, Any]], language: Language
) -> dict[str, dict[str, Any]]:
    """Path below superset/assets to document, for every chart and dashboard of the language.

    dataset_documents: those of the language by the name that pages use.
    """
    datasets = {name: Dataset(document) for name, document in dataset_documents.items()}
    pages = [_page_in(page, language) for page in read_pages(root)]
    every = _look_in(read_look(root), language)
    as_of = _chart_in(AS_OF, language)
    files: dict[str, dict[str, Any]] = {}
    for page in pages:
        # A page may do without some of the filters: each costs a query.
        wanted = page.get("filters", [item["key"] for item in every["filters"]])
        look = {**every, "filters": [item for item in every["filters"] if item["key"] in wanted]}
        charts = {"data_as_of": as_of} | {name: chart for row in page["rows"] for name, chart in row["charts"].items()}
        if len(charts) != 1 + sum(len(row["charts"]) for row in page["rows"]):
            raise TenureError(f"page {page['file']} has two charts of one name")
        documents = {}
        for name, spec in charts.items():
            dataset = datasets.get(spec["dataset"])
            if dataset is None:
                raise TenureError(f"chart {name} of page {page['file']} shows the unknown dataset {spec['dataset']}")
            uuid = str(uuid5(UUID(page["uuid"]), name))
            documents[name] = chart_document(name, uuid, _with_reach(spec, dataset, look), dataset, language)
            files[f"charts/{language.folder}{page['file']}/{name}.yaml"] = documents[name]
        document = _dashboard(page, pages, charts, documents, datasets, look)
        files[f"dashboards/{language.folder}{page['file']}.yaml"] = document
    return files


def _page_in(page: dict[str, Any], language: Language) -> dict[str, Any]:
    """The page's lines in a language, with the uuid and the address it has there."""
    return {
        **page,
        "uuid": language.uuid(page["uuid"]),
        "slug": language.named(page["slug"], "-"),
        "title": language.text(page["title"]),
        "questions": [language.text(question) for question in page["questions"]],
        "note": language.text(page["note"]),
        "definitions": language.text("Definitions"),
        "rows": [
            {**row, "charts": {name: _chart_in(chart, language) for name, chart in row["charts"].items()}}
            for row in page["rows"]
        ],
    }


def _chart_in(chart: dict[str, Any], language: Language) -> dict[str, Any]:
    return {**chart, **{key: language.text(chart[key]) for key in CHART_TEXTS if key in chart}}


def _shown(key: str, language: Language) -> set[str]:
    """What a key of the colors is called in the data: the name of a metric, which stays, or a value."""
    if stage := STAGE.fullmatch(key):
        word = language.values.get("stage_name", {}).get(stage["name"], stage["name"])
        ends = ("", *(f" {language.text(when)}" for when in ("before", "now")))
        return {f"{stage['code']} {word}{end}" for end in ends}
    return {words[key] for words in language.values.values() if key in words} or {language.texts.get(key, key)}


def _look_in(look: dict[str, Any], language: Language) -> dict[str, Any]:
    texts = ("name", "description")
    return {
        "filters": [{**item, **{key: language.text(item[key]) for key in texts}} for item in look["filters"]],
        "colors": {shown: color for key, color in look["colors"].items() for shown in sorted(_shown(key, language))},
        "unreached": language.text("Not changed by the filters {}."),
        "comma": language.text(", "),
    }


def _unreached(dataset: Dataset, look: dict[str, Any]) -> list[dict[str, Any]]:
    """The filters whose column a dataset has not."""
    return [item for item in look["filters"] if item["column"] not in dataset.columns]


def _with_reach(spec: dict[str, Any], dataset: Dataset, look: dict[str, Any]) -> dict[str, Any]:
    """The chart's lines with a last sentence about the filters that do not change it."""
    names = [item["name"] for item in _unreached(dataset, look)]
    if not names or spec["dataset"] == AS_OF["dataset"]:
        return spec
    return {**spec, "about": f"{spec['about']} {look['unreached'].format(look['comma'].join(names))}"}


def _dashboard(
    page: dict[str, Any],
    pages: list[dict[str, Any]],
    charts: dict[str, dict[str, Any]],
    documents: dict[str, dict[str, Any]],
    datasets: dict[str, Dataset],
    look: dict[str, Any],
) -> dict[str, Any]:
    numbers = {name: number for number, name in enumerate(documents, 1)}
    filters = [
        _filter(item, datasets[item["dataset"]], excluded)
        for item in look["filters"]
        if (
            excluded := [
                numbers[name] for name in documents if item["column"] not in datasets[charts[name]["dataset"]].columns
            ]
        )
        is not None
        and len(excluded) < len(documents)
    ]
    return {
        "uuid": page["uuid"],
        "version": "1.0.0",
        "dashboard_title": page["title"],
        "slug": page["slug"],
        "published": True,
        "is_managed_externally": True,
        "description": " ".join(page["questions"]),
        "css": CSS
        + "".join(
            board_css(chart["title"], len(chart["only"]["kpi_code"]))
            for chart in charts.values()
            if chart["kind"] == "board"
        )
        + "".join(limit_css(chart["title"]) for chart in charts.values() if "limit" in chart),
        "metadata": {
            "native_filter_configuration": filters,
            "color_scheme": "tenure",
            "label_colors": look["colors"],
            "shared_label_colors": [],
            "map_label_colors": {},
            "cross_filters_enabled": True,
            "chart_configuration": {},
            "global_chart_configuration": {"scope": {"rootPath": ["ROOT_ID"], "excluded": []}, "chartsInScope": []},
            "expanded_slices": {},
            "timed_refresh_immune_slices": [],
            "refresh_frequency": 0,
            "filter_bar_orientation": "HORIZONTAL",
        },
        "position": _layout(page, pages, charts, documents, numbers, datasets),
    }


def _filter(item: dict[str, Any], dataset: Dataset, excluded: list[int]) -> dict[str, Any]:
    is_single = item.get("is_single", False)
    return {
        "id": f"NATIVE_FILTER-{item['key']}",
        "type": "NATIVE_FILTER",
        "name": item["name"],
        "description": item["description"],
        "filterType": "filter_select",
        **({"requiredFirst": True} if is_single else {}),
        "targets": [{"datasetUuid": dataset.uuid, "column": {"name": item["column"]}}],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": excluded},
        "cascadeParentIds": [],
        "defaultDataMask": {"extraFormData": {}, "filterState": {}},
        "controlValues": {
            "enableEmptyFilter": is_single,
            "defaultToFirstItem": is_single,
            "multiSelect": not is_single,
            "searchAllOptions": False,
            "inverseSelection": False,
            "sortAscending": not item.get("is_latest_first", False),
        },
    }


def _definitions_height(documents: dict[str, dict[str, Any]], datasets: dict[str, Dataset]) -> int:
    """Grid units (8 pixels) that the definitions of all metrics of a page take, on a screen 1,600 pixels wide."""
    by_uuid = {dataset.uuid: dataset.document for dataset in datasets.values()}
    texts: dict[str, str] = {}
    for document in documents.values():
        texts = dict(definitions_of(document, by_uuid)) | texts
    return 11 + sum(3 * (1 + _width(f"{label} - {text}") // 185) for label, text in texts.items())


def _width(text: str) -> int:
    """How many Latin letters the text takes; a Chinese character is as wide as one and a half."""
    return round(sum(1.6 if letter >= "\u2e80" else 1 for letter in text))


def _layout(
    page: dict[str, Any],
    pages: list[dict[str, Any]],
    charts: dict[str, dict[str, Any]],
    documents: dict[str, dict[str, Any]],
    numbers: dict[str, int],
    datasets: dict[str, Dataset],
) -> dict[str, Any]:
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "parents": ["ROOT_ID"], "children": []},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": page["title"]}},
    }
    links = " · ".join(
        f"**{other['title']}**" if other is page else f"[{other['title']}](/superset/dashboard/{other['slug']}/)"
        for other in pages
    )
    questions = "\n".join(f"- {question}" for question in page["questions"])
    intro = f"{questions}\n\n{page['note']}"

    def row(blocks: list[dict[str, Any]]) -> None:
        key = f"ROW-{len(position['GRID_ID']['children']) + 1}"
        if sum(block["meta"]["width"] for block in blocks) > COLUMNS:
            raise TenureError(f"{key} of page {page['file']} is wider than {COLUMNS} columns")
        position["GRID_ID"]["children"].append(key)
        parents = ["ROOT_ID", "GRID_ID"]
        meta = {"background": "BACKGROUND_TRANSPARENT"}
        children = [block["id"] for block in blocks]
        position[key] = {"type": "ROW", "id": key, "parents": parents, "children": children, "meta": meta}
        for block in blocks:
            position[block["id"]] = {**block, "parents": [*parents, key]}

    def chart(name: str, height: int) -> dict[str, Any]:
        meta = {"width": charts[name]["width"], "height": height, "uuid": documents[name]["uuid"]}
        meta |= {"chartId": numbers[name], "sliceName": documents[name]["slice_name"]}
        return {"type": "CHART", "id": f"CHART-{name}", "children": [], "meta": meta}

    def text(name: str, code: str, width: int, height: int) -> dict[str, Any]:
        meta = {"width": width, "height": height, "code": code}
        return {"type": "MARKDOWN", "id": f"MARKDOWN-{name}", "children": [], "meta": meta}

    row([text("links", links, COLUMNS, 9)])
    row([text("intro", intro, 9, 21), chart("data_as_of", 21)])
    for part in page["rows"]:
        row([chart(name, part["height"]) for name in part["charts"]])
    row(
        [
            text(
                "definitions",
                f"#### {page['definitions']}\n\n{{definitions}}",
                COLUMNS,
                _definitions_height(documents, datasets),
            )
        ]
    )
    return position
