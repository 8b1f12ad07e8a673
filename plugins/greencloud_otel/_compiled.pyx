# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False
"""The core in Cython: the same as ``_python``, where the model is told, for less.

A thread's state is reached through a C thread-local, so that libraries that replace Python's have no say; the interpreter's own
dictionary of the thread keeps it alive and drops it with the thread. Nothing here gives the interpreter's lock away between reading
a clock and charging, as no Python code runs in between.

What a span costs beyond two readings of the clock is looking into it. So where everything is as it nearly always is (the SDK's own
kind of span, seen from its start, no foreign scheduler) opening its tally and writing what it came to are done here
(``_compiled_spans.pxi``), and whatever is not goes through ``_spans``, as with the core in Python. The hand-over itself is in
``_compiled_handover.pxi``. From Python 3.14 on the interpreter tells when another context is entered (``_compiled_watcher.pxi``).
"""

import functools

cimport cython
from cpython.contextvars cimport PyContextVar_Get, PyContextVar_Reset, PyContextVar_Set
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF

cdef extern from *:
    """
    #include <time.h>
    #include <pthread.h>

    #ifdef Py_GIL_DISABLED
    #error "charging relies on the interpreter's lock: use the core in pure Python"
    #endif

    /* The Thread of this thread, borrowed from the dictionary of its state. */
    static __thread PyObject *greencloud_here = NULL;

    static inline long long greencloud_read(clockid_t clock) {
        struct timespec at;
        if (clock_gettime(clock, &at) != 0) return -1;
        return (long long)at.tv_sec * 1000000000LL + at.tv_nsec;
    }

    static inline long long greencloud_now(void) { return greencloud_read(CLOCK_THREAD_CPUTIME_ID); }

    /* Linux makes the id from the thread's number: once the thread is gone reading it is an error, and nothing worse. */
    static inline int greencloud_clock_here(clockid_t *clock) {
    #ifdef __linux__
        return pthread_getcpuclockid(pthread_self(), clock) == 0;
    #else
        (void)clock;
        return 0;
    #endif
    }
    """
    ctypedef int clockid_t
    PyObject *greencloud_here
    long long greencloud_now() noexcept
    long long greencloud_read(clockid_t clock) noexcept
    bint greencloud_clock_here(clockid_t *clock) noexcept

cdef extern from "Python.h":
    PyObject *PyThreadState_GetDict()
    bint PySequence_Contains(object, object) except -1

CORE = "compiled"
SLOT = "_greencloud_tally"

cdef object SPAN_SLOT = SLOT
cdef object THREAD_KEY = "greencloud_otel._compiled"


@cython.final
cdef class Era:
    """A stretch of measuring in one process."""


CLOSED = Era()
cdef Era _CLOSED = CLOSED


@cython.final
cdef class Process:
    """What holds for the whole process: the era (``None``: switched off), the CPU charged so far, and when measuring began."""

    cdef public object era
    cdef public long long charged
    cdef public long long forks
    cdef public long long began_ns


@cython.final
@cython.no_gc
cdef class Thread:
    """The owner of one thread's clock, and what that clock said when it was handed over."""

    cdef Tally owner
    cdef long long since
    cdef clockid_t clock_id
    cdef bint has_clock_id

    def __cinit__(self):
        self.has_clock_id = greencloud_clock_here(&self.clock_id)


@cython.final
@cython.no_gc
cdef class Lifetime:
    """Kept by the interpreter's dictionary of a thread: goes when the thread does, and lets go of what it owned. So a thread and a
    tally that know each other need no garbage collector, which would have to look at every tally."""

    cdef Thread thread

    def __dealloc__(self):
        global greencloud_here
        self.thread.owner = None
        if greencloud_here == <PyObject *>self.thread:
            greencloud_here = NULL


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class Tally:
    """What one span has been charged in one process, and the thread that it was handed last."""

    cdef public object era
    cdef public long long ns
    cdef public object quality
    cdef Thread thread

    def __init__(self, era, quality):
        self.era = era
        self.quality = quality


process = Process()
cdef Process _process = process
cdef object _clock = None


def set_clock(clock):
    """Puts ``clock`` (ns of the calling thread) in place of the threads' own; ``None`` puts theirs back."""
    global _clock
    _clock = clock


cdef inline long long _now() except? -1:
    return greencloud_now() if _clock is None else <long long>_clock()


cdef Thread _enter():
    global greencloud_here
    cdef Thread thread = Thread()
    cdef Lifetime lifetime = Lifetime.__new__(Lifetime)
    cdef PyObject *kept = PyThreadState_GetDict()
    lifetime.thread = thread
    if kept == NULL:
        raise RuntimeError("this thread has no state")
    (<dict>kept)[THREAD_KEY] = lifetime  # what was there before clears the pointer as it goes
    greencloud_here = <PyObject *>thread
    return thread


cdef inline Thread _here():
    return <Thread>greencloud_here if greencloud_here != NULL else _enter()


cdef int _switch(Tally new) except -1:
    cdef Thread thread = _here()
    cdef Tally owner = thread.owner
    cdef long long now = 0
    if owner is new:
        return 0
    if owner is not None:
        now = _now()
        if owner.era is _process.era:
            owner.ns += now - thread.since
            _process.charged += now - thread.since
    elif new is not None:
        now = _now()
    if new is not None:
        new.thread = thread
    thread.owner = new
    thread.since = now
    return 0


def owner_here():
    return _here().owner


def switch(Tally new):
    """Hands this thread's clock over to ``new``; ``None`` is nobody."""
    _switch(new)


def close(Tally tally not None):
    """Ends the charging of ``tally`` and returns what it came to."""
    cdef Thread here = _here()
    cdef Thread there = tally.thread
    cdef long long now, spent
    if here.owner is tally:
        now = _now()
        if tally.era is _process.era:
            tally.ns += now - here.since
            _process.charged += now - here.since
        here.owner = None
    elif there is not None and there is not here and there.owner is tally:
        if _clock is not None:
            now = _clock()
        else:
            now = greencloud_read(there.clock_id) if there.has_clock_id else -1
        if now >= 0 and tally.era is _process.era and there.owner is tally:
            spent = max(now - there.since, 0)
            tally.ns += spent
            _process.charged += spent
    tally.era = _CLOSED
    tally.thread = None
    return tally.ns


def restart(*, on):
    """Begins a new era, or none."""
    _process.era = Era() if on else None
    _enter()


def restart_in_child():
    """Begins the era of a forked child, whose clocks begin at zero again."""
    _process.charged = 0
    _process.forks += 1
    restart(on=_process.era is not None)


include "_compiled_spans.pxi"


cdef Tally _tally_of(object context):
    if context is None:
        return None
    # OpenTelemetry's context is a dict that refuses changes and reads like any other.
    span = (<dict>context).get(_span_key) if isinstance(context, dict) else context.get(_span_key)
    if span is None:
        return None
    tally = getattr(span, SPAN_SLOT, None)
    if tally is not None:
        if (<Tally?>tally).era is _process.era:
            return <Tally>tally
    elif _is_plain(span):
        return _open(span)
    return None if _open_tally is None else _open_tally(span, tally)


def tally_of(context):
    """The tally to charge while ``context`` is the current one."""
    return _tally_of(context)


include "_compiled_handover.pxi"
include "_compiled_watcher.pxi"
