"""File formats, one module each: names, shapes and units, with writer and reader.

Light imports only (NumPy and h5py): whatever writes or reads a file can import its format.
"""
