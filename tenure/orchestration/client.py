"""The few calls of Airflow's public API that Tenure makes, over plain HTTP on this machine."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from tenure.errors import TenureError
from tenure.orchestration.environment import admin_password, airflow_url
from tenure.orchestration.names import ADMIN_USER
from tenure.settings import Settings

TIMEOUT_SECONDS = 60
Json = dict[str, Any]


class AirflowRefusal(TenureError):
    """Airflow answered a request with an error. `status` is the HTTP status, 409 for a conflict with what runs."""

    def __init__(self, message: str, *, status: int, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class AirflowClient:
    """A logged-in user of the Airflow API. Methods raise TenureError when Airflow refuses or does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._base = airflow_url(settings)
        self._password = admin_password(settings)
        self._token = ""

    def trigger(self, dag_id: str, partition_key: str) -> str:
        """Ask for a run of the DAG for this partition. Returns its run id."""
        body = {"logical_date": None, "partition_key": partition_key}
        return str(self._call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def create_backfill(self, dag_id: str, partition_key: str) -> int:
        """Ask for a backfill of one business day, done again if it was done before. Returns the backfill's id."""
        body = {
            "dag_id": dag_id,
            # The bounds are read in the time zone of the DAG's schedule: this is its whole business day.
            "from_date": f"{partition_key}T00:00:00Z",
            "to_date": f"{partition_key}T23:59:59Z",
            "reprocess_behavior": "completed",
            "max_active_runs": 1,
        }
        return int(self._call("POST", "/backfills", body)["id"])

    def runs(self, dag_id: str, partition_key: str) -> list[Json]:
        """The runs of the DAG for this partition, newest first."""
        query = urllib.parse.urlencode({"partition_key_prefix_pattern": partition_key, "order_by": "-id", "limit": 20})
        found = self._call("GET", f"/dags/{dag_id}/dagRuns?{query}")["dag_runs"]
        return [run for run in found if run["partition_key"] == partition_key]

    def tasks(self, dag_id: str, run_id: str) -> list[Json]:
        """The task instances of a run, in the order in which they started."""
        path = f"/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}/taskInstances"
        found: list[Json] = self._call("GET", path)["task_instances"]
        return sorted(found, key=lambda task: task["start_date"] or "9999")

    def version(self) -> str:
        """The version of the Airflow that answers."""
        return str(self._call("GET", "/version")["version"])

    def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        if not self._token:
            self._token = self._log_in()
        try:
            return self._request(method, f"/api/v2{path}", body)
        except urllib.error.HTTPError as error:
            if error.code == 401:
                self._token = self._log_in()
                return self._request(method, f"/api/v2{path}", body)
            raise AirflowRefusal(
                f"Airflow refused {method} {path.partition('?')[0]}: {_reason(error)}",
                status=error.code,
                hint=f"the page is {self._base}",
            ) from None
        except (urllib.error.URLError, OSError) as error:
            raise self._no_answer(error) from None

    def _log_in(self) -> str:
        self._token = ""
        try:
            answer = self._request("POST", "/auth/token", {"username": ADMIN_USER, "password": self._password})
        except urllib.error.HTTPError as error:
            raise TenureError(
                f"something else than our Airflow listens at {self._base}: {_reason(error)}",
                hint="set TENURE_AIRFLOW_PORT to a free port",
            ) from None
        except (urllib.error.URLError, OSError) as error:
            raise self._no_answer(error) from None
        return str(answer["access_token"])

    def _request(self, method: str, path: str, body: Json | None) -> Json:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 (the address is our own http://)
            self._base + path, data=data, headers=headers, method=method
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            content = answer.read()
        return json.loads(content) if content else {}

    def _no_answer(self, error: Exception) -> TenureError:
        reason = getattr(error, "reason", error)
        return TenureError(f"Airflow does not answer at {self._base}: {reason}", hint="`make up` starts it")


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        detail = json.loads(error.read()).get("detail", error.reason)
    except (ValueError, AttributeError):
        detail = error.reason
    return " ".join(str(detail).split())[:300]
