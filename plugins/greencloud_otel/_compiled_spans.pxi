# What a span needs at its two ends where all is plain. ``_spans`` does the same, and everything else.

from asyncio import _get_running_loop
from sys import modules as _modules

cdef object _span_key = ""
cdef object _open_tally = None
cdef object _kind = None  # None: no span is plain
cdef object _bounded = None
cdef object _watched = None
cdef object _exact = "exact"
cdef object _cpu_time = None
cdef object _quality = None


def bind_spans(key, open_tally, plain=None):
    """Tells where in a context the span is, and what opens the tally of a span that has none in this era. ``plain``, a ``Plain``,
    tells what nearly every span is like.
    """
    global _span_key, _open_tally, _kind, _bounded, _watched, _exact, _cpu_time, _quality
    _span_key, _open_tally, _kind = key, open_tally, None
    if plain is not None:
        _kind, _bounded, _watched, _exact, _cpu_time, _quality = plain


cdef bint _is_plain(object span) except -1:
    """Whether a span without a tally is the SDK's own, recording, seen from its start, and exact here."""
    if type(span) is not _kind or _process.era is None or span._end_time is not None:
        return False
    began = span._start_time
    if began is None or <long long>began < _process.began_ns:
        return False
    loop = _get_running_loop()
    if loop is not None and not isinstance(loop, _watched.loops):
        return False
    cdef dict modules = _modules
    return not ("greenlet" in modules or "trio" in modules or "twisted.internet.reactor" in modules)


cdef Tally _open(object span):
    # A tally needs no garbage collector, so that making one runs no code of others and no other thread gets in between.
    cdef Tally fresh = Tally.__new__(Tally)
    fresh.era = _process.era
    fresh.quality = _exact
    setattr(span, SPAN_SLOT, fresh)
    return fresh


cdef bint _end(object span) except -1:
    """Closes the span's tally and writes what it came to. False: nothing was done, as something is not plain."""
    cdef Tally tally = None
    cdef long long spent = 0
    if type(span) is not _kind:
        return False
    found = getattr(span, SPAN_SLOT, None)
    if found is not None:
        tally = <Tally?>found
        if tally.era is not _process.era or tally.quality is not _exact:
            return False
    elif not _is_plain(span):
        return False
    attributes = span._attributes
    if type(attributes) is not _bounded or attributes._immutable or span._end_time is not None:
        return False
    if attributes.max_value_len is not None:
        return False
    cdef dict kept = attributes._dict
    limit = attributes.maxlen
    # Another thread may be about to add one, and the SDK's locks are not taken: stay well below the limit.
    if limit is not None and len(kept) + 4 > <Py_ssize_t>limit:
        return False
    if tally is not None:
        spent = close(tally)
    kept[_cpu_time] = spent
    kept[_quality] = _exact
    return True


def end_hook(original, close_span, fault):
    """In place of ``Span.end``: the SDK freezes attributes before any processor sees the end."""

    @cython.binding(True)
    def end(span, end_time=None):
        try:
            if not _end(span):
                close_span(span)
        except Exception:
            fault("Span.end")
        return original(span, end_time)

    return functools.wraps(original)(end)
