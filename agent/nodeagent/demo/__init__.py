"""`nodeagent demo`: the whole way of a machine, on files, loop devices and namespaces of the demo's own."""
