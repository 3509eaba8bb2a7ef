"""Drive a replay as a process of its own, which a test can kill.

usage: drive.py PROJECT CONTROLLER...    the second and all further words are the command of the controller
"""

import sys
from pathlib import Path

from shipway.app.project import find_project
from shipway.app.replay import run_replay

if __name__ == "__main__":
    run_replay(find_project(Path(sys.argv[1])), controller=sys.argv[2:])
