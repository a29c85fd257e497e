"""Runs on a Slurm cluster: status that fails, jobs that are left over, what to do after a crash.

Light imports only, as in the package above.
"""
