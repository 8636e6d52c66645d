: The smallest mechanism that makes nrnivmodl build a special.
NEURON {
    SUFFIX leak
    NONSPECIFIC_CURRENT i
    RANGE g
}
PARAMETER { g = 0 }
ASSIGNED { v i }
BREAKPOINT { i = g * v }
