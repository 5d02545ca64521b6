"""The command: ``python -m semilla``, and the script ``semilla``."""

import sys

from semilla._semilla import main as _main


def main() -> None:
    """Runs the command with the process's arguments, and ends with its exit code."""
    sys.stdout.flush()
    sys.exit(_main(["semilla", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
