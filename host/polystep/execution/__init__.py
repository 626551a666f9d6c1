"""Execution: runs the attempts of steps and answers the calls of their handlers."""

from polystep.execution.asks import AskLinks, Asks
from polystep.execution.attempts import OpenAttempts
from polystep.execution.calls import Calls
from polystep.execution.deliveries import Deliveries
from polystep.execution.delivery_trace import DeliveryTrace
from polystep.execution.durable import Durable
from polystep.execution.emit import Emits
from polystep.execution.failures import FailedAttempts
from polystep.execution.handlers import Handlers
from polystep.execution.http_runs import HttpRuns
from polystep.execution.journal import DurableOptions
from polystep.execution.journals import Journals
from polystep.execution.letter_patches import LetterPatches
from polystep.execution.log_lines import LogLines
from polystep.execution.lost_runs import interrupt_lost_runs
from polystep.execution.notifications import Notifications
from polystep.execution.responses import Responses
from polystep.execution.ticks import Ticks
from polystep.execution.unrouted import UnroutedEvents
from polystep.execution.wait_calls import WaitTools

__all__ = [
    "AskLinks",
    "Asks",
    "Calls",
    "Deliveries",
    "DeliveryTrace",
    "Durable",
    "DurableOptions",
    "Emits",
    "FailedAttempts",
    "Handlers",
    "HttpRuns",
    "Journals",
    "LetterPatches",
    "LogLines",
    "Notifications",
    "OpenAttempts",
    "Responses",
    "Ticks",
    "UnroutedEvents",
    "WaitTools",
    "interrupt_lost_runs",
]
