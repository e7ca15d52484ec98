"""Paths as the files of /proc show them, for scripts that compare them there."""


def mountinfo_path(path: str) -> str:
    """A path as /proc/self/mountinfo shows it (proc_pid_mountinfo(5))."""
    return "".join(f"\\{ord(char):03o}" if char in " \t\n\\" else char for char in path)
