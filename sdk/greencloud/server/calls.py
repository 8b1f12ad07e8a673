"""The one interceptor: who calls, what went wrong, and what is told of it, around every method alike.

A call is authenticated when its headers are there (``admit``), and let in by the gate or turned away, before its message is read;
that holds for methods that do not exist, too. Only health is open. Then the message is awaited without a thread
(``greencloud.server.threads``) and the method runs when it is its turn. Messages are parsed inside the guard, so that a request
that is not one is INVALID_ARGUMENT. Whatever a method raises becomes a status (``greencloud.server.errors``).

What changes something (``AUDITED``) is written to the audit trail before it begins, and how it ended after. A question must be
answered by its caller's deadline, or by one of ours where it brought none: then whatever looks at its ``stop`` ends. A stream ends
with the token of its caller, too, and when its reader takes nothing for long; what is left comes by its resume token.

Every call is counted. One line in the log names method, principal, code, time and request id, and never a token: for questions
always, for telemetry when it fails (or at level DEBUG), and of refusals that cost a caller nothing so many a second.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc

from greencloud.errors import GreencloudError, StoppedError
from greencloud.ledger.stop import Stop
from greencloud.server.auth import CALLER, FACTS, Authenticator, Facts, Peer, authorise
from greencloud.server.behaviours import PATIENCE_S, Behaviour, Call, Check, Crowded, Export, Question, Stream, Watch, lapsed
from greencloud.server.counts import Counts
from greencloud.server.errors import (
    BusyError,
    DeadlineError,
    QuotaError,
    UnimplementedError,
    abort,
    answer_to,
    status_of,
)
from greencloud.server.gate import Gate, Job
from greencloud.server.health import CHECK, LIST, SERVICE, WATCH, Health
from greencloud.server.intake import SIGNALS
from greencloud.server.lines import Lines
from greencloud.server.roles import METHODS, Permission
from greencloud.server.services import Audit
from greencloud.server.summary import summary_of
from greencloud.server.threads import Threads, When

__all__ = ["AUDITED", "CallInterceptor"]

_LOG: Final = logging.getLogger("greencloud.server")
_HEALTH: Final = f"/{SERVICE}/"
_MOST_STREAMS: Final = 2
_LINES_A_SECOND: Final = 20
_LONGEST_GIVEN_S: Final = 3_600.0
_CHEAP: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)  # for a caller to be told
_ALLOCATION: Final = "/greencloud.v1.AllocationService/"
_GOAL: Final = "/greencloud.v1.GoalService/"
_LONGEST_S: Final = {
    f"{_ALLOCATION}RunAllocation": 600.0,
    f"{_ALLOCATION}Restate": 600.0,
    "/greencloud.v1.FootprintService/CompareRules": 600.0,
    "/greencloud.v1.FootprintService/StreamFootprint": 600.0,
    f"{_GOAL}ImportInventoryEntries": 600.0,
}

AUDITED: Final = {
    f"{_ALLOCATION}RunAllocation": Permission.ALLOCATION_RUN,
    f"{_ALLOCATION}Restate": Permission.ALLOCATION_RUN,
    "/greencloud.v1.FacilityService/ApplyFacilityBook": Permission.FACILITY_WRITE,
    **{
        method: permission
        for method, permission in METHODS.items()
        if permission in {Permission.GOALS_WRITE, Permission.GOALS_APPROVE}
    },
}
"""Methods that change something, and what it takes to call them."""


class CallInterceptor(grpc.ServerInterceptor):
    """Guards every method. At most ``api_calls`` of the API run at once, so that questions cannot crowd out intake."""

    def __init__(
        self,
        authenticator: Authenticator,
        gate: Gate,
        threads: Threads,
        health: Health,
        counts: Counts,
        *,
        api_calls: int,
        audit: Audit | None = None,
    ) -> None:
        self.threads = threads
        self.slots = threading.BoundedSemaphore(api_calls)
        self.streams = threading.BoundedSemaphore(_MOST_STREAMS)
        self._authenticator = authenticator
        self._gate = gate
        self._health = health
        self._counts = counts
        self._audit = audit
        self._lines = Lines(_LINES_A_SECOND)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        call = Call(handler_call_details)
        if call.method.startswith(_HEALTH):
            return self._open(call)
        handler = continuation(handler_call_details)
        if handler is None:
            missing = UnimplementedError("there is no such method")
            return grpc.unary_unary_rpc_method_handler(Behaviour(self, call, When.HEADERS, error=missing))
        if call.method in SIGNALS:
            return grpc.unary_unary_rpc_method_handler(Behaviour(self, call, When.TURN, handler))
        if handler.request_streaming:
            assert handler.response_streaming, "no service of ours takes a stream to answer once"
            return grpc.stream_stream_rpc_method_handler(
                Stream(self, call, When.THREAD, handler), handler.request_deserializer, handler.response_serializer
            )
        if handler.response_streaming:
            behaviour = Export(self, call, When.TURN, handler)
            return grpc.unary_stream_rpc_method_handler(behaviour, response_serializer=handler.response_serializer)
        return grpc.unary_unary_rpc_method_handler(
            Question(self, call, When.TURN, handler), response_serializer=handler.response_serializer
        )

    def enter(self, call: Call, peer: Peer, *, served: bool) -> None:
        """Authenticate and authorise a call of which the headers are there, and let it in. ``served``: whether there is its method.

        Raises:
            UnauthenticatedError, PermissionDeniedError, BusyError, QuotaError: it is not.
        """
        call.credential = self._authenticator.credential(call.metadata, peer)
        principal = call.credential.principal
        CALLER.set(principal)
        if served:
            authorise(principal, call.method)
        call.account = self._gate.enter(principal, metered=call.method in SIGNALS)

    @contextmanager
    def answering(self, call: Call, context: grpc.ServicerContext, *, lasting: bool = False) -> Iterator[None]:
        """Around the method, which is told the facts; it is stopped when its caller is gone or the time is over. ``lasting``: a
        stream, which the credential of its caller ends, too, but not in its first minute."""
        assert call.credential
        now = time.monotonic()
        given = context.time_remaining()  # very many where none was brought
        if given is None or given > _LONGEST_GIVEN_S:
            call.until = call.started + _LONGEST_S.get(call.method, PATIENCE_S)
        else:
            call.until = now + given
        if lasting:
            call.until = min(call.until, now + max(PATIENCE_S, self._authenticator.remaining(call.credential)))
        stop = Stop()
        if not context.add_callback(stop.set):
            stop.set()
        FACTS.set(Facts(call.credential, call.request_id, call.until, stop))
        with self.threads.alarm(call.until, stop.set):
            yield

    @contextmanager
    def audited(self, call: Call, request: Any) -> Iterator[None]:
        """Around the method: what changes something is in the trail before it begins. What the caller may not do does not begin."""
        permission = AUDITED.get(call.method)
        principal = call.principal
        if self._audit is None or permission is None or principal is None or not principal.may(permission):
            yield
            return
        trail, action = self._audit, call.method.rpartition("/")[2]
        index = trail.begin(
            action, subject=principal.subject, role=principal.role, request_id=call.request_id, summary=summary_of(request)
        )
        try:
            yield
        except BaseException as error:
            trail.end(index, status_of(error).name)
            raise
        trail.end(index, grpc.StatusCode.OK.name)

    def arrive(self, call: Call, size: int, job: Job, *, lasting: bool = False) -> None:
        """The message of a call is there. Raises BusyError."""
        assert call.account
        self._gate.arrive(call.account, size, job, metered=call.method in SIGNALS, lasting=lasting)
        call.size = size

    def unseen(self, call: Call) -> None:
        """The call ends before its message was seen, if it was: what gRPC did for it counts against its account's quota."""
        if call.account and not call.size and call.method in SIGNALS:
            self._gate.unseen(call.account)

    def fail(self, call: Call, error: Exception, context: grpc.ServicerContext) -> None:
        """End the call with the status of the error."""
        if isinstance(error, NotImplementedError):  # of the generated base of a service
            error = UnimplementedError("there is no such method")
        if isinstance(error, StoppedError) and time.monotonic() >= call.until:
            error = _late(call)
        provider = call.principal is not None and call.principal.side == "provider"
        answer = answer_to(error, request_id=call.request_id, otlp=call.otlp, provider=provider)
        call.code, call.cause = answer.code, type(error.__cause__ or error).__name__
        call.refusal = error.cause if isinstance(error, BusyError | QuotaError) else ""
        if not answer.expected or answer.code is grpc.StatusCode.INTERNAL:
            _LOG.error("request %s failed", call.request_id, exc_info=error)
        abort(context, answer)

    def end(self, call: Call) -> None:
        """Count and tell a call that is over."""
        if call.account:
            self._gate.leave(call.account, call.size, metered=call.method in SIGNALS)
        seconds = time.monotonic() - call.started
        signal = SIGNALS.get(call.method) or ("other" if call.otlp else "api")
        self._counts.ended(signal, call.code.name, seconds, refusal=call.refusal)
        if call.code is grpc.StatusCode.OK and call.otlp:
            level = logging.DEBUG
        elif (call.refusal or call.code in _CHEAP) and not self._lines.spare(call.started):
            return
        else:
            level = logging.INFO
        if _LOG.isEnabledFor(level):
            _LOG.log(
                level,
                "rpc method=%s role=%s account=%s code=%s ms=%.1f request=%s%s%s",
                re.sub(r"[^\w./-]", "?", call.method[:200]),
                call.principal.role if call.principal else "-",
                (call.principal and call.principal.account) or "-",
                call.code.name,
                seconds * 1000,
                call.request_id,
                f" rows={call.rows}" if call.rows >= 0 else "",
                f" cause={call.cause}" if call.cause else "",
            )

    def _open(self, call: Call) -> Any:
        """Health, for which nobody needs a credential."""
        answers = {CHECK: self._health.check, LIST: self._health.list}
        if call.method in answers:
            return grpc.unary_unary_rpc_method_handler(Check(self, call, When.MESSAGE, answers[call.method]))
        if call.method != WATCH:
            return None
        try:
            self._health.enter()
        except BusyError as error:
            return grpc.unary_unary_rpc_method_handler(Crowded(self, call, When.HEADERS, error=error))
        behaviour = Watch(self, call, When.THREAD, self._health)
        behaviour.experimental_thread_pool = self._health.pool
        return grpc.stream_stream_rpc_method_handler(behaviour)


def _late(call: Call) -> GreencloudError:
    """What is told in place of a StoppedError of a call whose time is over."""
    if call.rows > 0:
        return lapsed()
    return DeadlineError(
        "there is no answer in the time that there is for one", advice="narrow the question, or bring a later deadline"
    )
