"""The ranked table of a sweep, and the config of its best trial."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hypervae.config import resolve_config
from hypervae.io import write_text
from hypervae.sweep.plan import SweepPlan
from hypervae.sweep.store import Outcome, Trial

RANKING, BEST = "ranking.csv", "best.yaml"
# Of a failure's reason, in the table that is printed.
_WIDEST = 60


@dataclass(frozen=True)
class Ranked:
    """A trial in its place.

    Attributes
    ----------
    trial : Trial
    epochs : int
        Of the run that counts: the longest that is done.
    outcome : Outcome, optional
        Of that run; None where none has ended.
    """

    trial: Trial
    epochs: int
    outcome: Outcome | None

    @property
    def objective(self) -> float | None:
        """Of the run that counts; None where there is none."""
        return self.outcome.objective if self.outcome else None


def ranked(runs: Sequence[tuple[Trial, int, Outcome | None]]) -> list[Ranked]:
    """Trials in their order: more epochs first, then a smaller objective; failures last.

    Parameters
    ----------
    runs : sequence of (Trial, int, Outcome)
        All runs, with their epochs.

    Returns
    -------
    list of Ranked
    """
    best: dict[int, Ranked] = {}
    for trial, epochs, outcome in sorted(runs, key=lambda run: run[1]):
        before = best.get(trial.number)
        if (
            before is None
            or before.objective is None
            or (outcome and outcome.objective is not None)
        ):
            best[trial.number] = Ranked(trial, epochs, outcome)
    return sorted(best.values(), key=_place)


def _place(one: Ranked) -> tuple[Any, ...]:
    if one.objective is None:
        return (1, 0, 0.0, one.trial.number)
    return (0, -one.epochs, one.objective, one.trial.number)


def rows_of(plan: SweepPlan, ranking: Sequence[Ranked]) -> list[dict[str, Any]]:
    """The rows of the table.

    Parameters
    ----------
    plan : SweepPlan
    ranking : sequence of Ranked

    Returns
    -------
    list of dict
        With the same columns in the same order.
    """
    metrics = dict.fromkeys(name for one in ranking if one.outcome for name in one.outcome.metrics)
    rows = []
    for place, one in enumerate(ranking, 1):
        outcome = one.outcome or Outcome("open", None, {})
        rows.append(
            {
                "rank": place if one.objective is not None else "",
                "trial": one.trial.number,
                "state": outcome.state,
                "epochs": one.epochs,
                "objective": _number(one.objective),
                **{name: _shown(one.trial.values[name]) for name in plan.space.names},
                **{name: _number(outcome.metrics.get(name)) for name in metrics},
                "reason": outcome.reason,
            }
        )
    return rows


def write_ranking(folder: Path, plan: SweepPlan, ranking: Sequence[Ranked]) -> None:
    """Write the table (CSV), and the config of the best trial, if there is one.

    Parameters
    ----------
    folder : Path
        Of the sweep.
    plan : SweepPlan
    ranking : sequence of Ranked
    """
    rows = rows_of(plan, ranking)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["rank"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / RANKING, text.getvalue())
    if ranking and ranking[0].objective is not None:
        write_text(folder / BEST, best_config(plan, ranking[0]))


def best_config(plan: SweepPlan, best: Ranked) -> str:
    """The config of a trial as the workflow takes it, with a word on where it comes from.

    Parameters
    ----------
    plan : SweepPlan
    best : Ranked

    Returns
    -------
    str
        YAML.
    """
    epochs = best.epochs if plan.config.halving.epochs else 0
    config = plan.config_of(best.trial.values, epochs)
    resolve_config(config)  # that it can be read
    objective = plan.config.objective
    what = objective.metric or f"the sum of {', '.join(objective.floors)} in truth floors"
    return (
        f"# Trial {best.trial.number} of a sweep of model {plan.model}: {what} is "
        f"{best.objective:.6g}\n# after {best.epochs} epochs. snakemake --configfile takes it.\n"
        + yaml.safe_dump(config, sort_keys=False)
    )


def table(plan: SweepPlan, ranking: Sequence[Ranked]) -> str:
    """The table for people.

    Parameters
    ----------
    plan : SweepPlan
    ranking : sequence of Ranked

    Returns
    -------
    str
    """
    rows = rows_of(plan, ranking)
    if not rows:
        return "no trial"
    names = [name for name in rows[0] if any(row[name] != "" for row in rows)]
    cells = [names, *([_cut(str(row[name])) for name in names] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name == "reason" else cell.rjust(width)
            for name, cell, width in zip(names, row, widths, strict=True)
        ).rstrip()
        for row in cells
    )


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)
