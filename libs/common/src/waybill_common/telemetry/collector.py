"""What Python's garbage collector is told once a process is made."""

import gc


def collect_less() -> None:
    """Keep what the process is made of out of every later collection, and collect less often.

    What a request or a message makes is gone when it ends, by reference counting; the collector found nothing to do,
    for a twentieth of each request's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
