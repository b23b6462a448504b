"""A copy of the dbt project, which a test may change, on a warehouse that stays where it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from tenure.settings import Settings


class CopiedProject(Settings):
    """Settings of a warehouse whose dbt project lies in another folder."""

    project_root: Path

    @property
    def root(self) -> Path:
        """The folder that holds the project."""
        return self.project_root


def copied_project(settings: Settings, folder: Path) -> CopiedProject:
    """The settings with a copy of the project in `folder`."""
    for name in ("dbt_project", "mappings"):
        shutil.copytree(settings.root / name, folder / name)
    return CopiedProject.model_construct(**settings.model_dump(), project_root=folder)
