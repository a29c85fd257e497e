"""A small file of each kind of HDF5 that the workflow writes, and all that reads it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from hypervae.checks.files import check_file
from hypervae.config import SplitConfig, resolve_section
from hypervae.correlators.binning import Binning
from hypervae.correlators.compute import compute_correlators
from hypervae.data.held_out import read_held_out
from hypervae.data.importing import import_shard
from hypervae.data.jetnet_split import split_file
from hypervae.enc.compute import spectrum, spectrum_of_files
from hypervae.enc.file import write_spectrum
from hypervae.enc.spectrum import Settings
from hypervae.evaluation.evaluate import evaluate
from hypervae.evaluation.inputs import read_generated, read_real
from hypervae.formats.correlator_curves import read_correlators
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.evaluation import read_arrays
from hypervae.formats.normalization import read_normalization
from hypervae.formats.reconstruction import QUANTITIES, SIDES, read_reconstruction
from hypervae.formats.shard_writer import write_shard
from hypervae.generation.files import GeneratedWriter, TypedReader
from hypervae.normalization.merge import merge_normalization
from hypervae.normalization.sources import find_sources
from tests.unit.chain import CORRELATORS, small_jets

JETS, SLOTS = 30, 6
SETTINGS = {**CORRELATORS, "bins": 8, "hyperedges": {"max_particles": 6}}
SPECTRUM = Settings("R_L", (2.0, 3.0), Binning(6, 1e-3, 1.0))
RECONSTRUCTED = [f"latent/{name}" for name in ("mean", "posterior", "prior", "kl", "active")]
RECONSTRUCTED += [f"{side}/{name}" for side in SIDES for name in ("particle_features", *QUANTITIES)]


def write_all(folder: Path) -> None:
    """One file of each kind, with its name as the kind."""
    jets = small_jets(JETS, seed=1, slots=SLOTS)
    jets.event_id, jets.split = np.arange(JETS), (np.arange(JETS) % 3).astype(np.uint8)
    write_shard(folder / "shard.h5", jets, source="toy", seed=3)
    with GeneratedWriter(folder / "mix.h5", SLOTS, jet_types=["g", "t"], source="hypervae") as mix:
        mix.append(small_jets(JETS, seed=2, slots=SLOTS), np.resize([0, 2], JETS).astype(np.uint8))
    settings = resolve_section("correlators", SETTINGS)
    compute_correlators(folder / "shard.h5", folder / "correlators.h5", settings)
    merge_normalization(
        [folder / "correlators.h5"], folder / "normalization.h5", resolve_section("normalize", {})
    )
    write_spectrum(folder / "spectrum.h5", spectrum([small_jets(JETS, slots=4)], SPECTRUM))
    config = resolve_section(
        "evaluate", {"metrics": ["w1", "correlators"], "w1_batches": 2, "max_jets": 50}
    )
    evaluate(folder / "shard.h5", [folder / "shard.h5"], config).write(
        folder / "evaluation.json", folder / "arrays.h5"
    )
    with h5py.File(folder / "arrays.h5", "r+") as file:  # the others are read in the same way
        del file["histograms"]
        for sample in ("test", "train", "generated"):
            for name in set(file[sample]) - {"multiplicity", "mass", "ptrel"}:
                del file[sample][name]
    write_reconstruction(folder / "reconstruction.h5")


def write_reconstruction(path: Path) -> None:
    generator = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        file["jet_type"] = np.resize([0, 2], JETS).astype(np.uint8)
        for name in RECONSTRUCTED:
            shape = (JETS, 3) if name.startswith("latent/") else (JETS,)
            if name.endswith("particle_features"):
                shape = (JETS, SLOTS, 4)
            file[name] = generator.random(shape[1:] if name.endswith(("kl", "active")) else shape)
        correlation = dict.fromkeys(QUANTITIES, 0.5)
        about = {"jets": 15, "w1_mass": 0.1, "multiplicity_mae": 1.0, "correlation": correlation}
        figures = {"types": {"g": about, "t": about}}
        file.attrs["model"], file.attrs["figures"] = "toy", json.dumps(figures)


def readers(folder: Path) -> dict[str, dict[str, Callable[[Path], object]]]:
    """What reads a file of each kind, by the subcommands that do."""
    out = folder / "out.h5"
    settings = resolve_section("correlators", SETTINGS)
    split = SplitConfig(seed=1, fractions=(0.4, 0.2, 0.4))
    normalization = read_normalization(folder / "normalization.h5")

    def sources(shard: Path, correlators: Path) -> object:
        return find_sources([shard], [correlators], normalization, folder / "normalization.h5")

    def typed(path: Path) -> None:
        with TypedReader(path) as reader:
            reader.types(0, reader.n_jets)
            list(reader.chunks())

    def bins(path: Path) -> None:
        with CorrelatorReader(path) as reader:
            reader.pair_bins()

    return {
        "shard": {
            "validate": check_file,
            "import": lambda path: import_shard(path, out, "g", SLOTS),
            "correlators": lambda path: compute_correlators(path, out, settings),
            "train": lambda path: sources(path, folder / "correlators.h5"),
            "evaluate": lambda path: read_generated(path, "g", 100),
            "evaluate, real": lambda path: read_real([path], "g", split, 100),
            "reconstruct": lambda path: read_held_out(
                [path], ["g"], split, jets=9, max_particles=SLOTS
            ),
            "split": lambda path: split_file(path, out, "g", 0, 1, SLOTS),
            "enc": lambda path: spectrum_of_files([path], SPECTRUM),
        },
        "mix": {"validate": check_file, "export": typed},
        "correlators": {
            "validate": check_file,
            "normalize": lambda path: merge_normalization(
                [path], out, resolve_section("normalize", {})
            ),
            "train": lambda path: sources(folder / "shard.h5", path),
            "train, pair bins": bins,
            "plot": read_correlators,
        },
        "normalization": {
            "validate": check_file,
            "train": read_normalization,
            "plot": read_correlators,
        },
        "arrays": {"validate": check_file, "plot": read_arrays},
        "reconstruction": {
            "validate": check_file,
            "plot": lambda path: read_reconstruction(path, RECONSTRUCTED),
        },
        "spectrum": {
            "validate": check_file,
            "enc": lambda path: spectrum_of_files([path], SPECTRUM),
        },
    }


def with_pipe(folder: Path) -> None:
    """A pipe that nobody writes into: who opens it waits for ever."""
    os.mkfifo(folder / "pipe")
