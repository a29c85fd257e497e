"""Readers of files of jets from elsewhere: data sets that people have, and columns of their own.

A further one is a module with a `hypervae.data.readers.interface.JetFile`, and a line in
`hypervae.data.readers.registry`.
"""
