"""The ways back: the engine that undoes, and the shell script that does it without nodeagent."""
