"""Times on the grid of a time step."""


def is_multiple(value: float, step: float) -> bool:
    """Whether `value` is a whole number of steps, within the rounding of decimal fractions."""
    return abs(value / step - round(value / step)) < 1e-6
