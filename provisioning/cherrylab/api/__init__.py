"""The HTTP API of api.cherryservers.com, version 1: routes, one file a noun, over the cloud's operations.

A route is a plain function from a call to what is to be answered (endpoint.py); everything that HTTP needs around it,
from the token to the faults, is in app.py.
"""
