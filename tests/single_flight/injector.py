"""An injector: runs something between two chosen instructions of a call, as a signal handler would."""

from __future__ import annotations

import sys
import threading


class Injector:
    """
    Trace a call; at its instruction number `at`, do something else on the same thread.

    Args:
        inject: What to do then; what it raises is raised there.
        at: The number of the instruction; 0 only counts them.
        where: Parts of the names of files whose instructions count.
    """

    def __init__(self, inject=lambda: None, at=0, where=("credicorp_auth/engine",)):
        self.inject, self.at, self.where, self.steps = inject, at, where, 0

    def __call__(self, call):
        """Return what the call returns."""
        # On a thread of its own: an exception of a tracer may leave one that was being handled behind.
        outcomes = []
        thread = threading.Thread(target=self._run, args=(call, outcomes))
        thread.start()
        thread.join()
        value, error = outcomes.pop()
        if error is not None:
            raise error
        return value

    def _run(self, call, outcomes):
        # Python 3.12 reports instructions only if a frame wants them before tracing starts.
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self._trace)
        try:
            outcomes.append((call(), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller
            outcomes.append((None, error))
        finally:
            sys.settrace(None)

    def _trace(self, frame, event, _argument):
        if not any(each in frame.f_code.co_filename for each in self.where):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.steps += 1
            if self.steps == self.at:
                self.inject()
        return self._trace
