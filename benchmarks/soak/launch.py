"""The command `pellucid` with a clock that can be set: the file that `SOAK_CLOCK` names holds by how many seconds."""

import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    offset, true_time = Path(os.environ["SOAK_CLOCK"]), time.time
    time.time = lambda: true_time() + float(offset.read_text())
    from pellucid.cli.main import main  # from here on, so that nothing holds the true clock

    sys.exit(main())
