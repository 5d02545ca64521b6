"""The command: ``python -m semilla``, and the script ``semilla``."""

import signal
import sys

from semilla._semilla import main as _main


def main() -> None:
    """Runs the command with the process's arguments, and ends with its exit code."""
    # Python notes Ctrl-C and waits for the command; the command itself ends at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_main(["semilla", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
