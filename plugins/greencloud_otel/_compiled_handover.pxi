# The hand-over at the places where the running context changes, as in ``_python``.

cdef inline object _value_in(object context, object variable):
    # Asking first costs less than the call of ``get``: most contexts that loops run under never had a span.
    return context[variable] if PySequence_Contains(context, variable) else None


cdef class Handover:
    """What is done at the places where the running context changes: hand the clock over, call on, give it back."""

    cdef object _attach, _detach, _get_current, _current, _fault
    cdef bint _direct  # attaching is setting the variable, and nothing else

    def __init__(self, attach, detach, get_current, current, fault):
        self._attach = attach
        self._detach = detach
        self._get_current = get_current
        self._current = current
        self._fault = fault
        self._direct = current is not None and (attach, detach, get_current) == (current.set, current.reset, current.get)

    cdef object _now_current(self):
        cdef PyObject *found = NULL
        if not self._direct:
            return self._get_current()
        PyContextVar_Get(self._current, NULL, &found)
        if found == NULL:
            return None
        context = <object>found
        Py_DECREF(context)  # of the two references one was ours already
        return context

    def get_current(self):
        return self._now_current()

    def attach(self, context):
        token = PyContextVar_Set(self._current, context) if self._direct else self._attach(context)
        try:
            _switch(_tally_of(context))
        except Exception:
            self._fault("attach")
        return token

    def detach(self, token):
        if self._direct:
            PyContextVar_Reset(self._current, token)
        else:
            self._detach(token)
        try:
            _switch(_tally_of(self._now_current()))
        except Exception:
            self._fault("detach")

    def run_here(self, fn, /, *args, **kwargs):
        """``fn(...)``, charged to the span of the context that this is called in."""
        cdef Tally outer = _here().owner
        try:
            _switch(_tally_of(self._now_current()))
        except Exception:
            self._fault("work under a context")
        try:
            return fn(*args, **kwargs)
        finally:
            _switch(outer)

    def run_under(self, context, fn, /, *args, **kwargs):
        """``fn(...)``, charged to the span of ``context``, which ``fn`` is going to enter."""
        cdef Tally outer = _here().owner
        try:
            self.switch_to(context)
        except Exception:
            self._fault("work under a copied context")
        try:
            return fn(*args, **kwargs)
        finally:
            _switch(outer)

    cpdef switch_to(self, context):
        """Hands over to the span of ``context``."""
        if self._current is not None:
            _switch(_tally_of(_value_in(context, self._current)))

    def resume(self, *_):
        """Hands over to the span of the running context, which has just changed."""
        try:
            _switch(_tally_of(self._now_current()))
        except Exception:
            self._fault("switch of greenlets")

    def handle_hook(self, original):
        """In place of ``asyncio.Handle._run``."""
        current, fault = self._current, self._fault

        @cython.binding(True)
        def _run(handle):
            cdef Tally outer = _here().owner
            try:
                _switch(_tally_of(_value_in(handle._context, current)))
            except Exception:
                fault("asyncio.Handle._run")
            try:
                original(handle)
            finally:
                _switch(outer)

        return functools.wraps(original)(_run)

    def watch(self):
        """Whether the interpreter tells of every change of the running context from now on, so that nothing else needs to."""
        return _watch(self)

    def unwatch(self):
        """Hears no more of it."""
        _unwatch(self)
