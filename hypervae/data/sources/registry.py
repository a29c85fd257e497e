"""The jet sources by the names that the config has for them, and what they take of it.

A further one is a line in `JET_SOURCES` and, where it needs settings of its own, keys in
`SourceConfig`.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from hypervae.config.base import Integer, Mistake, OneOf, Section, Text, key
from hypervae.config.decisive import PATH, SET
from hypervae.data.columns import ANGLES, UNITS, split_columns, wrong_columns, wrong_names
from hypervae.data.sources.files import file_names, missing_files
from hypervae.data.sources.interface import JetSource, numbered, numbered_parts

JET_SOURCES: Mapping[str, JetSource] = {
    "pythia": JetSource(numbered, in_groups=True),  # `data.simulate`
    "jetnet": JetSource(numbered_parts, in_groups=True),  # `data.jetnet`
    "files": JetSource(file_names, missing_files),  # `data.importing`
}


class SourceConfig(Section):
    """Where the jets of one type come from."""

    reruns: ClassVar[str] = "the type"

    source: Annotated[Text, OneOf(lambda: JET_SOURCES)] = key(
        ...,
        "pythia: simulated; jetnet: downloaded or pre-staged JetNet; files: your own; docs/data.md "
        "has all of them",
    )
    shards: Integer = key(
        3,
        "number of shards (pythia, jetnet)",
        ge=1,
        le=100_000,
        reruns="the new shards' simulation (jetnet: all splitting), and normalization onward",
    )
    jets_per_shard: Integer = key(800, "jets in each simulated shard (pythia)", ge=1, le=10**8)
    paths: tuple[Text, ...] = key(
        (),
        "files of jets (HDF5, PyG graphs, parquet, EnergyFlow, JetClass), one shard each (files)",
        counts={**SET, **PATH},
    )
    layout: Text = key(
        "",
        "columns of particles, e.g. pt,eta,phi,m; empty: etarel,phirel,ptrel,mask in HDF5 and "
        "E,px,py,pz in graphs, what there is in parquet (files)",
    )
    units: Annotated[Text, OneOf(lambda: UNITS)] = key(
        "GeV", "unit of momenta, energies and masses (files)"
    )
    angles: Annotated[Text, OneOf(lambda: ANGLES)] = key("radians", "unit of azimuths (files)")

    extra: Text = key(
        "",
        "further columns of particles that shards keep, e.g. charge,isElectron; empty: charge, and "
        "what HDF5 holds as particle_extra, where they are there (files)",
    )
    jet_class: Text = key(
        "",
        "class of the files' jets that is read as this type, e.g. label_QCD; empty: the one that "
        "goes with the type (files)",
    )

    def mistakes(self) -> Iterator[Mistake]:
        """A layout makes momenta."""
        extra = split_columns(self.extra)
        if wrong := wrong_names(extra):
            yield Mistake("extra", *wrong)
        if wrong := wrong_columns(split_columns(self.layout), extra):
            yield Mistake("layout", *wrong)
        for path in self.paths:
            if not path.strip() or not path.isprintable():
                yield Mistake("paths", repr(path), "names of files")
