"""Run one command, and print its seconds of wall time and of processor time, its highest memory in bytes and its status.

A program of its own, started without ``site``: a process begins with the memory of whoever starts it on record, so only a
small starter sees how much a small command needs. The arguments are the words of the command.
"""

import os
import sys
import time


def main(words: list[str]) -> None:
    """Run the command with nothing to read, and without its output; errors go where the ones of this program go."""
    quiet = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    begin = time.perf_counter()
    child = os.posix_spawn(words[0], words, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begin
    print(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1:])
