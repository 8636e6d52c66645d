"""Comes to its end, says so by a file, and stays."""

import runpy
import sys
import time

sys.argv[1:] = ["--tstop", "20", "--quit", "fall-off"]
runpy.run_path("small_ring.py", run_name="__main__")
open("ready", "w").close()
time.sleep(20)
