"""The only code of ours that runs inside the user's NEURON processes.

It imports nothing but itself, the standard library, numpy and NEURON; works on Python 3.9 to 3.13 and NEURON 8.2 and
9; and is staged into the study folder as the package `autotune_agent`, so that the user's interpreter sees no other
package of ours. It must never print, never raise into the user's code, and never use a collective at exit.
"""
