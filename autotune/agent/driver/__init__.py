"""What driver and knobs have in common and the user's process needs not: it is not staged there.

The agent must work without this package; a knob imports from it inside the methods that only the driver calls.
"""
