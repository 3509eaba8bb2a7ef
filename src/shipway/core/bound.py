"""The end of an interval that nothing bounds; a terminal reads it, so this module wakes no library."""

import sys
from typing import Final

UNBOUNDED: Final = sys.float_info.max
"""The end of an interval that nothing bounds on that side, since evidence holds numbers that can be written."""
