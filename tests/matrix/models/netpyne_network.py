"""A small NetPyNE network: 40 Hodgkin-Huxley cells, driven by noise, recorded and gathered by NetPyNE itself."""

from netpyne import sim, specs

params = specs.NetParams()
params.cellParams["PYR"] = {
    "secs": {
        "soma": {
            "geom": {"diam": 18.8, "L": 18.8, "Ra": 123.0},
            "mechs": {"hh": {"gnabar": 0.12, "gkbar": 0.036, "gl": 0.003, "el": -70}},
        }
    }
}
params.popParams["S"] = {"cellType": "PYR", "numCells": 20}
params.popParams["M"] = {"cellType": "PYR", "numCells": 20}
params.synMechParams["exc"] = {"mod": "Exp2Syn", "tau1": 0.1, "tau2": 5.0, "e": 0}
params.stimSourceParams["bkg"] = {"type": "NetStim", "rate": 10, "noise": 0.5}
params.stimTargetParams["bkg->S"] = {
    "source": "bkg",
    "conds": {"cellType": "PYR"},
    "weight": 0.01,
    "delay": 5,
    "synMech": "exc",
}
params.connParams["S->M"] = {
    "preConds": {"pop": "S"},
    "postConds": {"pop": "M"},
    "probability": 0.5,
    "weight": 0.01,
    "delay": 5,
    "synMech": "exc",
}
config = specs.SimConfig()
config.duration = 200
config.dt = 0.025
config.verbose = False
config.filename = "network"
config.saveJson = True
config.saveDataInclude = ["simData"]

sim.createSimulateAnalyze(netParams=params, simConfig=config)
