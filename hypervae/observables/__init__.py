"""Observables of jets: one table, and what computes them.

Light imports only: figures take names, labels and units from the table.
"""

from hypervae.observables.sample import JetSample
from hypervae.observables.table import OBSERVABLES, Observable, drawn_in
from hypervae.observables.values import ObservableValues, compute_observables

__all__ = [
    "OBSERVABLES",
    "JetSample",
    "Observable",
    "ObservableValues",
    "compute_observables",
    "drawn_in",
]
