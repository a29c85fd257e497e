"""The numbers of a scaffold, and the order in which a prior draws them."""

import pytest

from hypervae.scaffold.coordinates import Layout, coordinates, parts_first


@pytest.mark.parametrize("second_axes", [False, True])
@pytest.mark.parametrize("subjets", [2, 3, 5])
def test_the_parts_of_a_jet_come_before_their_sums(subjets, second_axes):
    layout = Layout(subjets, second_axes)
    names = [one.name for one in coordinates(layout)]
    number, size = layout.alike
    order, within = parts_first(layout)
    assert sorted(order) == list(range(len(names) - number * size))
    assert sorted(within) == list(range(size))
    drawn = [names[place] for place in order]
    for node in range(1, subjets):
        for part in ("ln_z", "ln_f", "ln_distance", "ln_reach"):
            later = [f"ln_tau{node + 1}{node}", "ln_mass", "centroid_x", "ln_sum_ptrel"]
            assert all(drawn.index(f"{part}{node}") < drawn.index(name) for name in later)
    of_axis = [names[len(order) + place] for place in within]
    if second_axes:
        assert (of_axis[0], of_axis[-1]) == ("count_second0", "hop_angle0")
