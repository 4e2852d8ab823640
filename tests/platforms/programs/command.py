"""
The command line where names of the system are missing.

    python command.py SYSTEM ARGUMENT…
"""

from __future__ import annotations

import sys
from pathlib import Path

# Under PYTHONSAFEPATH the folder of a program is not on the path.
sys.path.append(str(Path(__file__).parent))
from vanish import take_away

take_away(sys.argv.pop(1))

from credicorp_auth.__main__ import main  # noqa: E402 - the names must be gone first

sys.exit(main())
