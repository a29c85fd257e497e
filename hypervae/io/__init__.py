"""Files: atomic writing, lists of files, provenance."""

from hypervae.io.atomic import atomic_h5, atomic_path, write_json, write_text
from hypervae.io.lists import read_list, write_list
from hypervae.io.provenance import software_versions

__all__ = [
    "atomic_h5",
    "atomic_path",
    "read_list",
    "software_versions",
    "write_json",
    "write_list",
    "write_text",
]
