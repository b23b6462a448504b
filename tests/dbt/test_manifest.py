"""Conventions of the dbt project that its manifest can prove."""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]


def _models(manifest: dict[str, Any], *folders: str) -> list[Node]:
    found = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["path"].split("/")[0] in folders
    ]
    assert found, f"no models in {folders}"
    return found


def _tests_of(manifest: dict[str, Any], model: Node, kind: str) -> list[Node]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node.get("attached_node") == model["unique_id"]
        and node["test_metadata"]["name"] == kind
    ]


def test_marts_and_features_have_enforced_contracts(manifest: dict[str, Any]) -> None:
    without = [node["name"] for node in _models(manifest, "marts", "features") if not node["contract"]["enforced"]]
    assert not without


def test_every_model_states_its_grain(manifest: dict[str, Any]) -> None:
    models = _models(manifest, "staging", "intermediate", "marts", "features")
    assert not [node["name"] for node in models if not (node["config"]["meta"] or {}).get("grain")]


def test_every_column_of_a_mart_is_described(manifest: dict[str, Any]) -> None:
    without = [
        f"{node['name']}.{name}"
        for node in _models(manifest, "marts", "features")
        for name, column in node["columns"].items()
        if len(column["description"]) < 8 or "TODO" in column["description"]
    ]
    assert not without


def test_grain_of_every_mart_is_tested(manifest: dict[str, Any]) -> None:
    without = [
        node["name"] for node in _models(manifest, "marts", "features") if not _tests_of(manifest, node, "is_unique_on")
    ]
    assert not without


def test_every_history_is_tested_for_overlap_and_gap(manifest: dict[str, Any]) -> None:
    # A bridge says when something was held, and there may be times between in which it was not.
    dated = [node for node in _models(manifest, "marts") if "valid_to_at" in node["columns"]]
    dimensions = [node for node in dated if not node["name"].startswith("bridge_")]
    assert len(dimensions) == 4
    assert not [node["name"] for node in dimensions if not _tests_of(manifest, node, "is_continuous_history")]


def test_no_model_behind_staging_reads_what_was_landed(manifest: dict[str, Any]) -> None:
    readers = [
        node["name"]
        for node in _models(manifest, "intermediate", "marts", "features")
        if any(parent.startswith("source.") for parent in node["depends_on"]["nodes"])
    ]
    assert not readers


def test_dashboards_read_marts_only(manifest: dict[str, Any]) -> None:
    exposures = list(manifest["exposures"].values())
    assert exposures
    for exposure in exposures:
        for parent in exposure["depends_on"]["nodes"]:
            assert manifest["nodes"][parent]["schema"] == "build", f"{exposure['name']} reads {parent}"


def test_every_partition_column_exists(manifest: dict[str, Any]) -> None:
    for node in _models(manifest, "marts"):
        column = node["config"]["meta"].get("partition_by")
        assert column is None or column in node["columns"], f"{node['name']} is partitioned by {column}"


def test_no_identity_or_contact_number_in_marts(manifest: dict[str, Any]) -> None:
    tokens = {
        name for node in _models(manifest, "marts", "features") for name in node["columns"] if name.endswith("_token")
    }
    assert tokens == {"customer_name_token", "staff_name_token", "msisdn_token"}


def test_every_model_is_in_exactly_one_step_of_a_run(manifest: dict[str, Any]) -> None:
    for node in _models(manifest, "staging", "intermediate", "marts", "features"):
        assert len({"base", "scored"} & set(node["tags"])) == 1, node["name"]


def test_the_lifecycle_stage_is_never_a_feature(manifest: dict[str, Any]) -> None:
    """The stage reads scores of earlier runs; features that read the stage would learn from the model's own words."""
    seen: set[str] = set()
    waiting = [node["unique_id"] for node in _models(manifest, "features")]
    while waiting:
        name = waiting.pop()
        if name not in seen and name in manifest["nodes"]:
            seen.add(name)
            waiting.extend(manifest["nodes"][name]["depends_on"].get("nodes", []))
    forbidden = {"int_subscription_stage", "int_churn_signal_episode", "stg_scores__churn_score"}
    assert forbidden <= {node["name"] for node in manifest["nodes"].values()}
    assert not forbidden & {manifest["nodes"][name]["name"] for name in seen}
