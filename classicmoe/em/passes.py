"""One pass over the rows: the engine's only loop over chunks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

from classicmoe.em.block import RowBlock
from classicmoe.em.source import Chunk, Source

T = TypeVar("T")


class Workers:
    """Threads, each with a block of its own, that turn tasks into results in the order of the rows."""

    def __init__(self, source: Source, make_block: Callable[[], RowBlock], n_workers: int = 1):
        self.source = source
        self.n_workers = n_workers
        self._blocks: SimpleQueue[RowBlock] = SimpleQueue()
        for _ in range(n_workers):
            self._blocks.put(make_block())
        self._pool = ThreadPoolExecutor(n_workers) if n_workers > 1 else None

    def run(self, work: Callable[[RowBlock, list[Chunk]], T]) -> Iterator[T]:
        """Yield ``work(block, task)`` for every task, in order; at most a few tasks are under way."""

        def one(task: list[Chunk]) -> T:
            block = self._blocks.get()
            try:
                return work(block, task)
            finally:
                self._blocks.put(block)

        if self._pool is None:
            for task in self.source.tasks():
                yield one(task)
            return
        waiting: deque[Future[T]] = deque()
        for task in self.source.tasks():
            waiting.append(self._pool.submit(one, task))
            if len(waiting) >= 2 * self.n_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
