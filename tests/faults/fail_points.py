"""The fail-points of landing, as they stand in its source: a new one is tried from the day it is written."""

from __future__ import annotations

import re

from tenure.settings import ROOT

PLACES = sorted(
    {
        name
        for path in (ROOT / "tenure" / "landing").glob("*.py")
        for name in re.findall(r'\breach\("(\w+)"\)', path.read_text())
    }
)
