"""The plane unfolded about the jet axis, so that the jet's edge is far away."""
