from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def parallel(
    work: Callable[[_T], _R], items: Iterable[_T], threads: int
) -> Iterator[tuple[_T, _R | Exception]]:
    """Works on items in threads, and yields the results in any order.

    Items are taken as threads become free, so that any number of them needs no memory, and in the
    caller's thread, so that an iterator over a database stays on the caller's connection.
    """
    waiting: dict[Future[_R], _T] = {}
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting[pool.submit(work, item)] = item
                if len(waiting) >= 2 * threads:
                    yield from _done(waiting)
            while waiting:
                yield from _done(waiting)
        finally:
            # If the caller stops, or on Control-C, only running work is waited for.
            for future in waiting:
                future.cancel()


def _done(waiting: dict[Future[_R], _T]) -> Iterator[tuple[_T, _R | Exception]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        error = future.exception()
        item = waiting.pop(future)
        if error is None:
            yield item, future.result()
        elif isinstance(error, Exception):
            yield item, error
        else:
            raise error
