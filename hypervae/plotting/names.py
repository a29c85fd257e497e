"""What jets are called in titles and captions."""

from __future__ import annotations

#: By the letter of the type.
JET_NAMES = {"g": "gluon", "q": "light-quark", "t": "top-quark", "w": "W-boson", "z": "Z-boson"}


def jets_called(model: str, jet_type: str) -> str:
    """Jets of a model, in words.

    Parameters
    ----------
    model : str
        Its name; "" if unknown.
    jet_type : str

    Returns
    -------
    str
    """
    jets = f"{JET_NAMES.get(jet_type, jet_type)} jets"
    return f"{jets} of model {model}" if model else jets
