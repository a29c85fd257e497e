"""Files: atomic writing, lists of files, provenance."""

from hypervae.io.atomic import atomic_h5, atomic_path, write_json, write_text
from hypervae.io.lists import read_list, write_list
from hypervae.io.provenance import software_versions

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`: how files are written, not what is in them

__all__ = [
    "atomic_h5",
    "atomic_path",
    "read_list",
    "software_versions",
    "write_json",
    "write_list",
    "write_text",
]
