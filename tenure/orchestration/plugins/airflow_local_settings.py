"""Read by every Airflow process when it starts.

A task is a fork of the scheduler (or of a Celery worker). Importing dbt takes seconds of processor time, so it is
imported once in the parent and every fork has it. Other Airflow processes never run dbt and do not pay for it.
"""

import os

if os.environ.get("TENURE_AIRFLOW_COMPONENT") in ("scheduler", "worker"):
    import dbt.adapters.postgres
    import dbt.cli.main  # noqa: F401
