"""What happened, per run: records gathered off the hot path, redacted, bounded, stored in batches."""

from polystep.trace.preview import Preview
from polystep.trace.recorder import RunShare, TraceRecorder
from polystep.trace.secrets import SecretNames

__all__ = ["Preview", "RunShare", "SecretNames", "TraceRecorder"]
