"""How the hyperedges of a jet are read by the encoder and predicted by the decoder.

Each mode is a module, behind `interface.HyperedgeMode`; `registry` lists them.
"""
