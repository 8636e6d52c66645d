"""hnn-core's column of Jones et al. (2009) with one evoked drive; every rank runs this, rank 0 has all spikes."""

from hnn_core import jones_2009_model, simulate_dipole
from neuron import h

net = jones_2009_model()
net.add_evoked_drive(
    "proximal",
    mu=3.0,
    sigma=0.5,
    numspikes=1,
    location="proximal",
    weights_ampa={"L2_pyramidal": 0.05, "L5_pyramidal": 0.05, "L2_basket": 0.05, "L5_basket": 0.05},
    synaptic_delays={"L2_pyramidal": 0.1, "L5_pyramidal": 1.0, "L2_basket": 0.1, "L5_basket": 1.0},
    event_seed=4,
)
simulate_dipole(net, tstop=12.0, n_trials=1)
if h.ParallelContext().id() == 0:
    print(f"all spikes: {len(net.cell_response.spike_times[0])}", flush=True)
h.quit()
