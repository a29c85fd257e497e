"""Shards that are made by one job together: a tenth or a hundredth of the jobs.

The names of numbered shards begin with an index of five digits, so all that share the first four
(or three) are the outputs of one job, told by patterns that differ in the last digits alone. Each
file is what a job of its own would have made (`hypervae.cli.grouped`).
"""

from __future__ import annotations

from hypervae.data.sources.registry import JET_SOURCES
from hypervae.workflow.plan import Plan, any_of

#: Digits of an index in the name of a shard.
DIGITS = 5


class ShardGroups:
    """Which shards of a plan are made together, and what the files of a group are called.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan):
        self._plan = plan
        self.size: int = plan.data.shards_per_job
        self._last = len(str(self.size)) - 1

    @property
    def block(self) -> str:
        """Regular expression for the digits that the shards of a group share."""
        return rf"\d{{{DIGITS - self._last}}}"

    def has(self, jet_type: str) -> bool:
        """Whether the shards of a jet type are made in groups.

        Parameters
        ----------
        jet_type : str

        Returns
        -------
        bool
        """
        return self.size > 1 and JET_SOURCES[self._plan.source(jet_type).source].in_groups

    def alone(self, source: str = "") -> str:
        """Regular expression for the jet types whose shards are made one by one.

        Parameters
        ----------
        source : str
            Of those that come from it alone; all by default.

        Returns
        -------
        str
        """
        return self._types(source, False)

    def together(self, source: str = "") -> str:
        """Regular expression for the jet types whose shards are made in groups.

        Parameters
        ----------
        source : str
            As for `alone`.

        Returns
        -------
        str
        """
        return self._types(source, True)

    def _types(self, source: str, grouped: bool) -> str:
        plan = self._plan
        return any_of(
            name
            for name in plan.jet_types
            if source in ("", plan.source(name).source) and self.has(name) == grouped
        )

    def files(self, folder: str) -> list[str]:
        """Patterns of the files of a group, with the wildcards ``block`` and ``ending``.

        Parameters
        ----------
        folder : str

        Returns
        -------
        list of str
        """
        last = ["" if self.size == 1 else f"{at:0{self._last}d}" for at in range(self.size)]
        return [f"{folder}/{{block}}{digits}{{ending}}" for digits in last]

    def name(self, folder: str, suffix: str) -> str:
        """Pattern of a file that a group has one of: ``0012x.h5.log`` of 00120 to 00129.

        Parameters
        ----------
        folder, suffix : str

        Returns
        -------
        str
        """
        return f"{folder}/{{block}}{'x' * self._last}{{ending}}.{suffix}"

    def minutes(self, single: int) -> int:
        """Time limit of a group's job: that of all its shards, but no more than a day for that.

        Parameters
        ----------
        single : int
            That of a job of one shard [min].

        Returns
        -------
        int
            [min]
        """
        return min(single * self.size, max(single, 1440))

    def indices(self, block: str) -> str:
        """Indices of the shards of a group, as the command line takes them.

        Parameters
        ----------
        block : str
            What their names begin with.

        Returns
        -------
        str
        """
        first = int(block) * self.size
        return " ".join(str(first + at) for at in range(self.size))
