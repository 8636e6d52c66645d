: A random current, from the streams that NMODL has in NEURON 9.
NEURON {
    POINT_PROCESS Noise
    NONSPECIFIC_CURRENT i
    RANGE amp
    RANDOM stream
}
PARAMETER { amp = 0.3 (nA) }
ASSIGNED { v (mV) i (nA) now }
INITIAL { now = 0 }
BEFORE STEP { now = random_uniform(stream) }
BREAKPOINT { i = -amp * now }
