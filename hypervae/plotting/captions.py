"""What the figures show: captions, for their pages and for the workflow's report.

In reStructuredText, of which no more than paragraphs, ``code`` and **bold** is used: pages turn it
into HTML by themselves, and the report by docutils. ``{of}`` stands for what the figure is of.
Light imports only, since the Snakefile reads them.
"""

from __future__ import annotations

from hypervae.plotting.names import jets_called

_OBSERVABLES = """
Generated {of} (orange), held-out real ones (grey; the test split, never seen in training) and those
of the training split (blue), each normalized to one over all values, those beyond the axis
included. "Kept" particles are those in the file; features of the full jet are, of generated jets,
those of the jet head. Girth, N-subjettiness and C2 are computed from the kept particles. With a
logarithmic horizontal axis the density is per unit of the logarithm. Bands are statistical errors,
with jets and not particles as the independent units.

Below each panel the ratios to the test jets, where at least five of their entries are in the bin:
generated (orange) and training jets (blue), which show how far real jets fluctuate; triangles mark
ratios beyond the axis. Above each panel: the 1-Wasserstein distance between equally many generated
and test jets with its bootstrap error, its **truth floor**, the same distance between training and
test jets, and how many jets of each sample were compared. The figures show all jets that were read.
"""

#: By the name of the figure, as on the command line.
CAPTIONS = {
    "jets": _OBSERVABLES,
    "particles": _OBSERVABLES,
    "substructure": _OBSERVABLES,
    "evaluated_correlators": """
Projected N-point energy correlators of generated {of} (orange), of held-out real ones (grey; the
test split) and of training jets (blue), equally many of each: the mean over jets of the product of
the momentum fractions of all ordered N-tuples of kept particles, per unit of ln R_L, the largest
distance within the tuple; contact terms (R_L = 0) are left out. In the second line, E3C and E4C
over E2C of the same jets. Bands are statistical errors from the spread between jets; those of
ratios to E2C know that both are of the same jets.

Below each panel the ratios to the test jets; blue shows how far real jets fluctuate. Above the
panels: the 1-Wasserstein distance in ln R_L of the correlators as distributions with its bootstrap
error, and the **truth floor**, the same between training and test jets.
""",
    "pairs": """
Pairs of observables: in colours the share of generated {of} in each bin, as contours the smallest
areas that hold half, 90 and 99 % of the held-out jets (grey; the test split) and of the generated
ones (orange, dashed), of densities smoothed by one bin. Marginals alone can be right where pairs
are not: a full mass that is drawn apart from the particles leaves the diagonal of the second panel.
Axes hold the inner 99.8 % of the held-out jets. Above each panel the distance that measures the
pair, with its bootstrap error and its **truth floor**.
""",
    "image": """
Mean image of held-out and of generated {of}: the sum of the particles' ptrel in each pixel of
(etarel, phirel), per jet, in logarithmic colours over five decades; white pixels hold no particle.
Right: generated minus held-out, with colours that are symmetric about 0, logarithmic but within a
thousandth of the largest difference of 0. Single jets of small samples are seen as single pixels.
""",
    "history": """
Training of {of}: the total loss and each of its terms after every epoch, over the training jets
(solid) and the validation jets (dashed), then, where there is any, W1M of generated against
validation jets, and how the training ran: active latent dimensions, gradient norm, learning rate,
speed and memory. Stars mark the epochs with the lowest total and the lowest W1M in validation.
Terms are shown before their weights in the total; those that are 0 throughout are left out.
""",
    "correlators": """
Projected N-point energy correlators of the training jets of {of}: the mean over jets of the product
of weights of all ordered N-tuples of particles, per unit of ln R_L, the largest distance within the
tuple; contact terms (R_L = 0) are left out. Below, the ratios to E2C. Bands are statistical errors
from the spread between jets; those of the ratios take into account that both correlators are of the
same jets. Each bin is one of the config's ``correlators.bins``.
""",
    "latent": """
Latent space of {of}. Left: the means of the posteriors of held-out jets by jet type, projected on
the two directions in which the means of all types together vary most (principal components, with
their shares of the variance), and their distributions along each. Middle: one vector drawn from the
posterior of each jet (grey) and as many from the prior, given the same types (orange), in the same
projection, with lines around 68% and 95% of each. What is generated is decoded from the prior:
where the two differ, it meets vectors that the decoder has not learned to read.

Right: the KL divergence of each latent dimension from the standard normal, mean over the jets. A
dimension is active if the mean of the posterior varies from jet to jet by more than 0.01 in
variance (Burda et al., arXiv:1509.00519).
""",
    "reconstruction": """
Held-out jets and their reconstructions by {of}, each decoded from the mean of its posterior; the
decoder draws the number of particles, and the starting points of a flow, from noise as in
generation. Above: the first held-out jets of each type, not chosen. The area of a marker is the
particle's share of the pT of the jet; the axes hold 99% of the particles' pT.

Below: all held-out jets that were reconstructed, each a point: mass of the kept particles over the
pT of the full jet, pT of the full jet (reconstructed: of the jet head), number of kept particles (a
larger marker stands for more jets). r is Pearson's correlation, W1 the 1-Wasserstein distance
between both distributions, and Δn the difference between the numbers of particles. The axes hold
99.8% of the values.
""",
    "summary": """
All metrics of {of} in units of the **truth floor**, the same metric, by the same protocol and of
equally many jets, of training against held-out jets: 1 means as good as real jets. Distances are
divided by that of the floor; of metrics where more is better (coverage, overlaps) the distance from
1 counts, of the classifier's AUC that from 0.5. Error bars combine the errors of the value and of
the floor, linearly about the value, and are cut off at the axis.

A floor that is 0 within its error (as it may be of FPD, extrapolated to infinite batches, and of
KPD, free of bias and of either sign) is no unit: then its error is (open markers). Arrows mark
values of 0 or less, as good as can be seen, and values off the axis; crosses mark metrics that
could not be computed for this model; metrics that were not asked for have no mark. W1M and W1P
follow JetNet's protocol (arXiv:2106.11535): the mean over ``evaluate.w1_batches`` batches of
``evaluate.w1_samples`` jets, drawn with replacement on both sides, or of as many as each sample
holds where that is fewer (``reduced`` in the table, whose floor then uses as few).

The tables have all values, and the HTML table stands beside results that others published,
**measured by others on the real JetNet dataset**, with their sources.
""",
}
#: Whose the summary's metrics are.
EVERYTHING = "all models and jet types"


def caption(figure: str, of: str) -> str:
    """The caption of a figure.

    Parameters
    ----------
    figure : str
        Of `CAPTIONS`.
    of : str
        What it is of, such as "model t" or "top-quark jets of model t".

    Returns
    -------
    str
        In reStructuredText, a line a paragraph.
    """
    paragraphs = CAPTIONS[figure].strip().split("\n\n")
    return "\n\n".join(" ".join(text.split("\n")) for text in paragraphs).format(of=of)


def evaluation_caption(figure: str, model: str, jet_type: str) -> str:
    """The caption of a figure of one evaluation.

    Parameters
    ----------
    figure : str
        Of `hypervae.plotting.evaluation.FIGURES`.
    model, jet_type : str

    Returns
    -------
    str
    """
    name = "evaluated_correlators" if figure == "correlators" else figure
    return caption(name, jets_called(model, jet_type))
