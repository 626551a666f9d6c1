"""What the steps of one language have seen since the last start; a runner is one process, so they share it."""

import time

seen = {"wanted": 0, "delays_ms": [], "first_at": 0.0, "last_at": 0.0}


def now_ms():
    return time.perf_counter() * 1000


def begin(wanted):
    seen.update(wanted=wanted, delays_ms=[], first_at=now_ms(), last_at=0.0)


def took(delay_ms):
    seen["delays_ms"].append(delay_ms)
    seen["last_at"] = now_ms()


def report():
    # Asked often while events run: what costs time is left to the end.
    if len(seen["delays_ms"]) < seen["wanted"]:
        return {"wanted": seen["wanted"], "done": len(seen["delays_ms"])}
    ranked = sorted(seen["delays_ms"])

    def at(share):
        return ranked[min(int(len(ranked) * share), len(ranked) - 1)] if ranked else 0

    wall_ms = seen["last_at"] - seen["first_at"]
    return {"wanted": seen["wanted"], "done": len(ranked), "wallMs": wall_ms, "p50Ms": at(0.5), "p99Ms": at(0.99)}
