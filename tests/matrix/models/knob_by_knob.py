"""The ring again and again in one process, with the settings of one request after the other, as a session does it.

    python knob_by_knob.py REQUESTS [option of small_ring.py ...]

REQUESTS is JSON: a list of settings. After the first request with a knob, each one has that knob's own value unless it
says another. Rank 0 prints a line of JSON a request: of every rank what it reads back, gids and times of its spikes.
"""

import json
import runpy
import sys

from autotune_agent.histogram import ExchangeHistogram
from autotune_agent.knobs import KNOBS, in_order_of_application
from autotune_agent.probe import NetConTable, local_gids
from autotune_agent.session import Own
from autotune_agent.simulator import Simulator

requests = json.loads(sys.argv[1])
sys.argv[1:] = [*sys.argv[2:], "--quit", "fall-off", "--tstop", "0"]
model = runpy.run_path("small_ring.py")
h, pc = model["h"], model["pc"]
sim = Simulator()
own = Own(sim, {"step_wait": True})
histogram = ExchangeHistogram(sim)
settings = {}


def begin():
    for knob in in_order_of_application():
        if knob.name in settings:
            knob.apply(sim, settings[knob.name], settings)
    sim.output_gids = sum(state == 3 for state in local_gids(sim, NetConTable(sim, delays_too=False)).values())
    histogram.attach()


handler = h.FInitializeHandler(3, begin)
for request in requests:
    settings = own.beneath(request)
    h.stdinit()
    pc.psolve(50)
    exchanges = sum(histogram.counts())
    sim.exchange_interval_ms = 50 / exchanges if exchanges else None
    read = {name: knob.read_back(sim, settings) for name, knob in KNOBS.items()}
    answers = pc.py_gather((read, list(model["gids"]), list(model["times"])), 0)
    for name, value in settings.items():
        KNOBS[name].rest(sim, value)
    if pc.id() == 0:
        print("answer " + json.dumps(answers), flush=True)
pc.barrier()
h.quit()
