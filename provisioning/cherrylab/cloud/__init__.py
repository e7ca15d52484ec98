"""What the cloud knows and does, without a word of HTTP: catalogue, store, one file a noun, faults.

Every change happens in one transaction of the store, and everything that takes time is a point in time of the clock, so
that a test may hold the clock and a restart forgets nothing.
"""
