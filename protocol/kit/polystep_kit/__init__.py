"""The conformance kit of the runner protocol: plays one side against any implementation of the other.

It imports nothing of the host or the bridges: a mistake that both made would otherwise judge itself innocent.
"""

__version__ = "1.0"
