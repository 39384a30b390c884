"""Set this checkout up, on Linux, macOS and Windows:  python tools/setup.py [--quiet] [arguments for pip install]

Any Python can read this file, an old one too: it says which Python is needed.
"""

import os
import sys

if sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)):
    sys.exit(
        "Python 3.11, 3.12 or 3.13 is needed, and %s is Python %d.%d.\n" % ((sys.executable,) + sys.version_info[:2])  # noqa: RUF005, UP031
        + "Install one (Debian, Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python@3.12; "
        + "Windows: winget install Python.Python.3.12).\n"
        + "Then run: make setup PYTHON=/path/to/python3.12    Without make: /path/to/python3.12 tools/setup.py"
    )

if "-h" in sys.argv or "--help" in sys.argv:
    print(__doc__)
    sys.exit()

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tools.environment import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
