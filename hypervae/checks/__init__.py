"""Checks of any file that HyperVAE reads or writes."""
