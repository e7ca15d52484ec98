"""The words everything else speaks: frozen types without I/O.

A module here imports nothing of ours but its neighbours, opens no file and starts no process, so that a plan, a
verdict or a report can be made, compared and tested on any machine.
"""
