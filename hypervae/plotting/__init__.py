"""Figures: one module a kind of figure, all in one style."""

# Others draw on the way to their results (`hypervae.digest`).
DECIDES_RESULTS_OF = ("plot",)
