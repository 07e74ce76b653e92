"""Several processes for one piece of work after another, outcomes in order.

The processes are forks: they see what the parent had read when they began, open the database for
themselves, and hand back outcomes only. Where a process can't fork, the parent does all. Invariant:
none outlives the work: they leave Ctrl-C to the parent, end when it ends them, or when it is gone.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait
from typing import Any, Final, TypeVar

PROCESSES_MAX: Final = 64
PROCESSES_UNASKED_MAX: Final = 8  # each holds some 60 MiB of its own
_JOIN_S: Final = 5
_KILLED: Final = "A process of the verification ended before its work."

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
Start = Callable[[], Callable[[Task], Outcome]]
"""Called in each process when it begins; gives what does one piece of work there."""


class WorkerLost(Exception):
    """A process ended before its work: killed from outside, or out of memory."""


def processes_here() -> int:
    """One for each core that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    cores = len(usable(0)) if usable is not None else os.cpu_count() or 1
    return min(cores, PROCESSES_UNASKED_MAX)


def spread(
    start: "Start[Task, Outcome]", tasks: Iterable[Task], processes: int
) -> Iterator[tuple[Task, Outcome]]:
    """Each task with its outcome, in the order of the tasks; at most ``processes`` wait ahead.

    Raises:
        WorkerLost: a process was killed.
    """
    with ExitStack() as stack:
        idle = [_Worker(start, stack) for _ in range(processes)]
        busy: dict[Connection, tuple[int, Task, _Worker]] = {}
        done: dict[int, tuple[Task, Outcome]] = {}
        numbered = enumerate(tasks)
        following = 0
        while True:
            while idle and len(done) < processes and (given := next(numbered, None)) is not None:
                worker = idle.pop()
                worker.give(given[1])
                busy[worker.pipe] = (*given, worker)
            if not busy and not done:
                return
            if following not in done:
                for pipe in wait(list(busy)):
                    assert isinstance(pipe, Connection)
                    number, task, worker = busy.pop(pipe)
                    done[number] = task, worker.outcome()
                    idle.append(worker)
            while following in done:
                yield done.pop(following)
                following += 1


class _Worker:
    """One process, and the pipe to it."""

    def __init__(self, start: "Start[Any, Any]", stack: ExitStack) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(start, theirs, self.pipe), daemon=True)
        self._process.start()
        stack.callback(self._end)
        theirs.close()

    def give(self, task: Any) -> None:
        """Begin a piece of work. Raises WorkerLost."""
        try:
            self.pipe.send(task)
        except ConnectionError as error:
            raise WorkerLost(_KILLED) from error

    def outcome(self) -> Any:
        """What came of it. Raises WorkerLost."""
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionError) as error:
            raise WorkerLost(_KILLED) from error

    def _end(self) -> None:
        self.pipe.close()
        self._process.terminate()
        self._process.join(_JOIN_S)


def can_spread() -> bool:
    """Whether processes can fork here."""
    return "fork" in multiprocessing.get_all_start_methods()


def _work(start: "Start[Any, Any]", pipe: Connection, parents: Connection) -> None:
    """A process's life: until the parent's end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parents.close()
    work = start()
    while True:
        try:
            task = pipe.recv()
        except (EOFError, ConnectionError):
            return
        pipe.send(work(task))
