"""What the workflow mends in the report that Snakemake wrote."""

from __future__ import annotations

import json
import re

_RUNTIMES = re.compile(r"(?<=var runtimes_spec = )\{.*\}(?=;$)", re.MULTILINE)


def keep_positive_runtimes(report: str) -> str:
    """Leave jobs out of the panel of run times that have none to show.

    Snakemake takes a job's end from the age of its output, so that rules which only write a list
    may end before they start; one such time, and the logarithmic axis of the panel stays empty.

    Parameters
    ----------
    report : str
        The HTML.

    Returns
    -------
    str
        As it was where there is no such panel.
    """

    def kept(found: re.Match[str]) -> str:
        panel = json.loads(found.group())
        values = panel["data"]["values"]
        panel["data"]["values"] = [job for job in values if job["runtime"] > 0]
        return json.dumps(panel)

    return _RUNTIMES.sub(kept, report)
