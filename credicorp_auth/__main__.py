"""Command `credicorp-auth`, also as `python -m credicorp_auth`."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from credicorp_auth.errors.install import install_command


def main() -> int:
    """
    Run the command line.

    Returns:
        The exit code: 0 done, 1 unexpected error, 2 usage or configuration, 3 refused, 4
        unreachable, 130 interrupted.
    """
    if missing := [each for each in ("click", "rich") if find_spec(each) is None]:
        print(
            f"the command line needs {' and '.join(missing)}; "
            f"install the extra: {install_command('.', extra='cli')}",
            file=sys.stderr,
        )
        return 2
    from credicorp_auth.cli.run import run  # noqa: PLC0415 - it needs the extra

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
