import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.correlators.binning import Binning
from hypervae.correlators.geometry import pair_bins, pair_indices, weights
from hypervae.data.jets import Jets
from hypervae.enc.compute import spectrum
from hypervae.enc.migrations import by_inversion, by_iterations
from hypervae.enc.pair_cells import Measured, PairBins, truth_of
from hypervae.enc.smearing import MATCH, Detector, matches, smear
from hypervae.enc.spectrum import Settings
from hypervae.enc.unfolding import Response
from hypervae.errors import ArgumentError, HyperVAEError, InputError
from hypervae.formats.shard_writer import write_shard
from tests.unit.enc.jets import clustered_jets

BINS = PairBins(Binning(8, 2e-2, 0.8), 8, 1e-5)
DETECTOR = Detector(0.1, 0.02, 0.9, 1.0, 0.02)


def jets_of(n, seed):
    return clustered_jets(n, 14, seed=seed, spread=0.1)


def response_of(n, seed, bins=BINS, detector=DETECTOR):
    truth = jets_of(n, seed)
    return Response.of([(truth, smear(truth, detector, seed))], bins)


def test_smeared_particles_know_which_they_were():
    truth = jets_of(300, 1)
    seen = smear(truth, DETECTOR, 5)
    found = matches(truth, seen)
    row, slot = np.nonzero(found >= 0)
    origin = truth.particle_features[row, found[row, slot]].astype(np.float64)
    here = seen.particle_features[row, slot].astype(np.float64)
    pull = (here[:, :2] - origin[:, :2]) / DETECTOR.angle
    assert pull.std() == pytest.approx(1.0, abs=0.05)
    scale = (seen.jet_features[:, 0] / truth.jet_features[:, 0])[row]
    change = here[:, 2] * scale / origin[:, 2] - 1
    assert change.std() == pytest.approx(DETECTOR.pt, abs=0.01)
    assert len(row) / truth.mask.sum() == pytest.approx(0.9, abs=0.03)
    fakes = (seen.mask & (found < 0)).sum()
    assert fakes / 300 == pytest.approx(DETECTOR.fakes, abs=0.25)
    assert np.array_equal(seen.multiplicity, seen.jet_features[:, 3])
    again = smear(truth, DETECTOR, 5)
    assert np.array_equal(again.particle_features, seen.particle_features)


def test_matches_that_are_none_are_named():
    truth = jets_of(20, 1)
    seen = smear(truth, DETECTOR, 1)
    assert (matches(truth, truth)[truth.mask] >= 0).all()
    with pytest.raises(ArgumentError, match="19 jets, expected 20"):
        matches(truth, seen[:19])
    for value, message in ((99, "slots of the truth"), (1, "each particle of the truth once")):
        wrong = seen[:]
        jet = int(np.flatnonzero(seen.multiplicity > 2)[0])
        wrong.extra[MATCH] = seen.extra[MATCH].copy()
        wrong.extra[MATCH][jet, :2] = value
        with pytest.raises(ArgumentError, match=rf"match of jet {jet}: .*{message}"):
            matches(truth, wrong)


def test_the_response_counts_every_pair():
    """Against a loop over pairs of the truth and of what is seen."""
    truth = jets_of(20, 3)
    seen = smear(truth, DETECTOR, 3)
    found = Response.of([(truth[:9], seen[:9]), (truth[9:], seen[9:])], BINS)
    own, product = BINS.cells_of(truth)
    other, _ = BINS.cells_of(seen)
    match = matches(truth, seen)
    migrations, fakes = np.zeros((BINS.cells, BINS.cells)), np.zeros(BINS.cells)
    misses, weight = np.zeros(BINS.cells), np.zeros(BINS.cells)
    for jet in range(20):
        met = set()
        i, j = pair_indices(seen.mask.shape[1])
        for pair, (a, b) in enumerate(zip(i, j, strict=True)):
            if not (seen.mask[jet, a] and seen.mask[jet, b]):
                assert other[jet, pair] == -1
                continue
            low, high = sorted((match[jet, a], match[jet, b]))
            if low < 0:
                fakes[other[jet, pair]] += 1
                continue
            met.add((low, high))
            migrations[other[jet, pair], own[jet, high * (high - 1) // 2 + low]] += 1
        i, j = pair_indices(truth.mask.shape[1])
        for pair, both in enumerate(zip(i, j, strict=True)):
            if truth.mask[jet, both[0]] and truth.mask[jet, both[1]]:
                weight[own[jet, pair]] += product[jet, pair]
                misses[own[jet, pair]] += both not in met
    assert np.array_equal(found.migrations.sum(axis=0), migrations)
    assert np.array_equal(found.misses.sum(axis=0), misses)
    assert np.array_equal(found.fakes.sum(axis=0), fakes)
    assert found.weights.sum(axis=0) == pytest.approx(weight)
    assert found.n_jets.tolist() == [2] * 10


def test_cells_are_those_of_the_pairs():
    jets = jets_of(50, 2)
    bins = PairBins(BINS.binning, 8, 1e-5, (500.0, 999.0, 2000.0))
    cell, product = bins.cells_of(jets)
    code = pair_bins(jets, BINS.binning)
    i, j = pair_indices(14)
    z = weights(jets)
    there = jets.mask[:, j]
    assert np.array_equal(cell >= 0, there)
    pt_bin, rest = np.divmod(cell[there], bins.shape[1] * bins.shape[2])
    assert (pt_bin == 1).all()  # 1,000 GeV
    assert np.array_equal(rest // 8, code[there])
    assert product[there] == pytest.approx((z[:, i] * z[:, j])[there])
    outside = PairBins(BINS.binning, 8, 1e-5, (10.0, 20.0))
    assert (outside.cells_of(jets)[0] == -1).all()
    assert bins.counts(jets).sum() == there.sum()


@pytest.mark.parametrize("method", ["bayes", "inversion"])
def test_without_smearing_the_truth_comes_back(method):
    truth = jets_of(300, 1)
    measured = Measured.of([truth], BINS)
    found = Response.of([(truth, truth)], BINS).unfold(measured, method)
    assert found.counts.value == pytest.approx(measured.mean, abs=1e-9)
    own = spectrum([truth], Settings("R_L", (2.0,), BINS.binning)).mean[0]
    wanted = truth_of([truth], BINS).value
    assert wanted[1:] == pytest.approx(own[2:], abs=1e-14)
    assert wanted[0] == pytest.approx(own[1], abs=1e-14)
    assert found.correlator.value == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("iterations", [0, 1, 5])
def test_derivatives_by_what_is_seen(iterations):
    generator = np.random.default_rng(2)
    matrix = generator.dirichlet(np.ones(7) * 0.5, 6).T * generator.uniform(0.5, 1, 6)
    prior, seen = generator.uniform(1, 2, 6), matrix @ generator.uniform(1, 3, 6) * 1.1

    def solve(counts):
        if iterations == 0:
            return by_inversion(matrix, counts)
        return by_iterations(matrix, prior, counts, iterations)

    _, slopes = solve(seen)
    for cell in range(7):
        step = np.zeros(7)
        step[cell] = 1e-5
        wanted = (solve(seen + step)[0] - solve(seen - step)[0]) / 2e-5
        assert slopes[:, cell] == pytest.approx(wanted, rel=1e-5, abs=1e-8)


def test_many_iterations_are_the_inversion_where_all_is_positive():
    generator = np.random.default_rng(2)
    matrix = 0.7 * np.eye(5) + 0.05 * generator.random((5, 5))
    truth = generator.uniform(1, 3, 5)
    assert by_inversion(matrix, matrix @ truth)[0] == pytest.approx(truth)
    found, _ = by_iterations(matrix, np.ones(5), matrix @ truth, 2000)
    assert found == pytest.approx(truth, rel=1e-6)


def test_closure():
    """The correlator of other jets is the truth within errors when unfolded; smeared it is not."""
    truth = truth_of([jets_of(20_000, 99)], BINS)
    used = slice(1, -1)
    pulls, raw_pulls = [], []
    response = response_of(6_000, 1)
    for seed in range(20, 32):
        seen = smear(jets_of(1_000, seed), DETECTOR, seed)
        found = response.unfold(Measured.of([seen], BINS), iterations=4).correlator
        raw = truth_of([seen], BINS)
        pulls.append(((found.value - truth.value) / found.error)[used])
        raw_pulls.append(((raw.value - truth.value) / raw.error)[used])
    pulls = np.array(pulls)
    assert np.abs(pulls.mean(axis=0)).max() < 1.0
    assert 0.6 < np.sqrt((pulls**2).mean()) < 1.25
    assert np.abs(np.mean(raw_pulls, axis=0)).max() > 4


def test_the_response_error_is_how_responses_scatter():
    seen = smear(jets_of(3_000, 50), DETECTOR, 50)
    measured = Measured.of([seen], BINS)
    exact = Measured(measured.n_jets, measured.mean, np.zeros_like(measured.covariance))
    found = [response_of(300, seed).unfold(exact).correlator for seed in range(24)]
    scatter = np.std([one.value for one in found], axis=0, ddof=1)[1:-1]
    predicted = np.sqrt(np.mean([one.error**2 for one in found], axis=0))[1:-1]
    assert np.median(predicted / scatter) == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PairBins(Binning(500, 0.01, 1.0), 12), "at most 3,000"),
        (lambda: PairBins(BINS.binning, 0), "bins of the weight"),
        (lambda: PairBins(BINS.binning, 5, 1e-5, (3.0, 2.0)), "rising"),
        (lambda: Detector(efficiency=1.2), "between 0 and 1"),
        (lambda: Detector(pt=-1), "pt: found -1"),
        (lambda: response_of(9, 1), "simulated jets: found 9"),
        (lambda: Measured.of([jets_of(1, 1)], BINS), "at least 2"),
        (lambda: response_of(20, 1).unfold(Measured.of([jets_of(5, 1)], BINS), "svd"), "method"),
        (
            lambda: response_of(20, 1).unfold(Measured.of([jets_of(5, 1)], BINS), iterations=0),
            "iterations",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_the_command_unfolds_shards(tmp_path):
    truth, other = jets_of(400, 1), jets_of(300, 2)
    seen, measured = smear(truth, DETECTOR, 1), smear(other, DETECTOR, 2)
    for name, jets in (("t", truth), ("s", seen), ("m", measured)):
        write_shard(tmp_path / f"{name}.h5", jets, source="test")

    def run(*words, response="t.h5,s.h5"):
        pair = ",".join(str(tmp_path / name) for name in response.split(","))
        words = ["--response", pair, "--bins", "8", "--range", "0.02,0.8", *words]
        words = ["enc", "--input", str(tmp_path / "m.h5"), *words]
        return CliRunner().invoke(cli, words, catch_exceptions=False)

    for words in ((), ("--unfolding", "inversion"), ("--jet-pt", "500,1500", "--iterations", "2")):
        done = run("--table", str(tmp_path / "u.csv"), *words)
        assert done.exit_code == 0, done.output
        table = np.genfromtxt(tmp_path / "u.csv", delimiter=",", names=True)
        assert len(table) == 10
        assert np.isfinite(table["E2C_error"]).all()
    bins = PairBins(Binning(8, 0.02, 0.8), jet_pt=(500.0, 1500.0))
    wanted = Response.of([(Jets.load(tmp_path / "t.h5"), Jets.load(tmp_path / "s.h5"))], bins)
    wanted = wanted.unfold(Measured.of([Jets.load(tmp_path / "m.h5")], bins), iterations=2)
    assert table["E2C"] == pytest.approx(wanted.correlator.value, rel=1e-6)
    assert table["E2C_error"] == pytest.approx(wanted.correlator.error, rel=1e-6)
    table = ["--table", str(tmp_path / "u2.csv")]
    for words, response, message in (
        (table, "t.h5,m.h5", r"m\.h5: jets: found 300, expected 400"),
        (table, "s.h5,t.h5", r"t\.h5: particle_extra match: "),
        (table, "t.h5", "two shards"),
        ([], "t.h5,s.h5", "--response: found without --table"),
        ([*table, "--weight", "energy"], "t.h5,s.h5", "--weight: found 'energy'"),
        ([*table, "--orders", "3"], "t.h5,s.h5", "--orders"),
        ([*table, "--output", str(tmp_path / "o.h5")], "t.h5,s.h5", "--output"),
    ):
        with pytest.raises(HyperVAEError, match=message):
            run(*words, response=response)
    assert not (tmp_path / "u2.csv").exists()
    wrong = seen[:]
    wrong.extra = {MATCH: np.where(seen.mask, 1, 0).astype(np.float32)}
    write_shard(tmp_path / "w.h5", wrong, source="test")
    with pytest.raises(InputError, match=r"w\.h5: match of jet "):
        run(*table, response="t.h5,w.h5")
