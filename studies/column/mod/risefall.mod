TITLE Synapse whose conductance rises and falls exponentially, and tires with use

NEURON {
    THREADSAFE
    POINT_PROCESS RiseFall
    NONSPECIFIC_CURRENT i
    RANGE rise, fall, e, recovery, use, g, i
}

UNITS {
    (mV) = (millivolt)
    (nA) = (nanoamp)
    (uS) = (microsiemens)
}

PARAMETER {
    rise = 0.4 (ms)
    fall = 2.5 (ms)
    e = 0 (mV)
    recovery = 80 (ms)
    use = 0.25
}

ASSIGNED {
    v (mV)
    i (nA)
    g (uS)
    factor
}

STATE {
    A (uS)
    B (uS)
}

INITIAL {
    LOCAL peak
    peak = rise * fall / (fall - rise) * log(fall / rise)
    factor = 1 / (exp(-peak / fall) - exp(-peak / rise))
    A = 0
    B = 0
}

BREAKPOINT {
    SOLVE decay METHOD cnexp
    g = B - A
    i = g * (v - e)
}

DERIVATIVE decay {
    A' = -A / rise
    B' = -B / fall
}

NET_RECEIVE(weight (uS), left, last (ms)) {
    INITIAL {
        left = 1
        last = 0
    }
    left = 1 - (1 - left) * exp(-(t - last) / recovery)
    A = A + weight * left * factor
    B = B + weight * left * factor
    left = left * (1 - use)
    last = t
}
