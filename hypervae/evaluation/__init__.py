"""How good generated jets are: distances to held-out jets, each beside its truth floor."""
