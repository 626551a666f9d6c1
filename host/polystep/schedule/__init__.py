"""Cron expressions with a written DST policy, and the one loop that sleeps until the next fire time."""

from polystep.schedule.expression import CronExpression
from polystep.schedule.timetable import Timetable, cron_problem

__all__ = ["CronExpression", "Timetable", "cron_problem"]
