"""What is kept of a sweep: its table, record, checkpoints, status, events and locks.

Nothing is imported here: `launch.status` reads a folder without waiting for JAX.
"""
