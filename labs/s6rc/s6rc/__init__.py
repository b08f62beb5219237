"""A small service manager for s6 that reads s6-rc's source format.

Read in this order: `source` (what a definition directory may hold), `database` (compile), `live` (one
service up or down), `change` (all of them, in parallel, in order), `update` (a new database under running
services).

The commands, their options and exit codes are those of s6-rc, <https://skarnet.org/software/s6-rc/>, as far
as they go; what differs is listed in the README beside this folder.
"""


class Failure(Exception):
    """An end with a message and s6-rc's exit code: 1 a transition failed, 2 timed out, 3 unknown name, 4
    invalid
    database, 100 wrong usage, 111 the system refused something."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
