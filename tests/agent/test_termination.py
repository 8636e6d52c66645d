"""SIGTERM in the model's process: the agent's last word, and nothing of it in what the model forks."""

from __future__ import annotations

import signal
import subprocess
import sys

FORKS = """
import multiprocessing, os, signal, sys
from autotune.agent.termination import Termination

def last():
    print("last", flush=True)
    return True

termination = Termination(last)
for way in range(300):
    child = os.fork()
    if not child:
        multiprocessing.Semaphore(0).acquire()
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
print("forked", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_what_the_model_forks_dies_of_sigterm_at_any_moment_and_the_process_says_its_last_word():
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.returncode) == (["forked", "last"], -signal.SIGTERM), done.stderr


def test_a_signal_that_the_script_has_a_use_for_is_left_alone():
    code = """
import signal
from autotune.agent.termination import Termination
signal.signal(signal.SIGTERM, signal.SIG_IGN)
termination = Termination(bool)
termination.release()
print(signal.getsignal(signal.SIGTERM) == signal.SIG_IGN)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["True"], done.stderr
