"""Recorder of runs, attempts, spans and log lines: redacted, bounded, handed to its sinks in batches."""

from polystep.trace.preview import Preview
from polystep.trace.recorder import AttemptShare, TracedAttempt, TraceRecorder
from polystep.trace.secrets import SecretNames

__all__ = ["AttemptShare", "Preview", "SecretNames", "TraceRecorder", "TracedAttempt"]
