NEURON { POINT_PROCESS Tally RANGE n }
PARAMETER { n = 0 }
NET_RECEIVE(change) { n = n + change }
