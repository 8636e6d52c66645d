TITLE Fast sodium current with activation and inactivation

NEURON {
    THREADSAFE
    SUFFIX nafast
    USEION na READ ena WRITE ina
    RANGE gbar, g
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 0.06 (S/cm2)
    vhalf_m = -38 (mV)
    vhalf_h = -55 (mV)
    slope_m = 6.5 (mV)
    slope_h = 6 (mV)
}

ASSIGNED {
    v (mV)
    ena (mV)
    ina (mA/cm2)
    g (S/cm2)
    minf
    hinf
    mtau (ms)
    htau (ms)
}

STATE { m h }

INITIAL {
    rates(v)
    m = minf
    h = hinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    g = gbar * m * m * m * h
    ina = g * (v - ena)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m) / mtau
    h' = (hinf - h) / htau
}

PROCEDURE rates(v (mV)) {
    LOCAL a
    minf = 1 / (1 + exp(-(v - vhalf_m) / slope_m))
    hinf = 1 / (1 + exp((v - vhalf_h) / slope_h))
    a = (v + 45) / 20
    mtau = 0.03 + 0.25 * exp(-a * a)
    a = (v + 58) / 22
    htau = 0.35 + 4.5 * exp(-a * a)
}
