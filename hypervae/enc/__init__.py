"""Energy correlators as a toolkit: any real order, in R_L or R_1, exact, with covariances."""
