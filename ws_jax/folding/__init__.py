"""Layers that are alike, tied into loops: which they are, the network, a whole run.

Nothing is imported here: a report groups layers without waiting for what trains.
"""
