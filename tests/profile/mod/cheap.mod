: A leak that computes for a while before it does nothing.
NEURON {
    SUFFIX cheap
    NONSPECIFIC_CURRENT i
    GLOBAL total
}
ASSIGNED { v (mV) i (mA/cm2) total }
BREAKPOINT {
    LOCAL k
    total = 0
    FROM k = 1 TO 100 { total = total + exp(-k * 0.001) }
    i = 1e-30 * total
}
