# Python 3.14 and newer: the interpreter tells on the thread itself whenever another context has become the running one, or none:
# callbacks of any loop, eager tasks, threads, ``Context.run`` anywhere. Greenlets put theirs in place without it, and a variable
# that is set (``attach``) is no other context.

cdef extern from *:
    """
    static void (*greencloud_told)(void) = NULL;

    #if PY_VERSION_HEX >= 0x030E0000
    static int greencloud_heard(PyContextEvent event, PyObject *context) {
        (void)context;
        if (event == Py_CONTEXT_SWITCHED && greencloud_told != NULL) {
            PyObject *pending = PyErr_GetRaisedException(); /* a context may be left by an exception */
            greencloud_told();
            PyErr_SetRaisedException(pending);
        }
        return 0;
    }
    static int greencloud_watch(void (*told)(void)) {
        greencloud_told = told;
        return PyContext_AddWatcher(greencloud_heard);
    }
    static int greencloud_unwatch(int watcher) { return PyContext_ClearWatcher(watcher); }
    #else
    static int greencloud_watch(void (*told)(void)) {
        greencloud_told = told;
        return -1;
    }
    static int greencloud_unwatch(int watcher) { (void)watcher; return 0; }
    #endif
    """
    int greencloud_watch(void (*told)() noexcept) noexcept
    int greencloud_unwatch(int watcher) noexcept
    void PyErr_Clear() noexcept

cdef Handover _watching = None
cdef int _watcher = -1


cdef void _told() noexcept:
    cdef Handover handover = _watching
    if handover is None:
        return
    try:
        _switch(_tally_of(handover._now_current()))
    except Exception:
        handover._fault("switch of contexts")


cdef bint _watch(Handover handover):
    global _watching, _watcher
    if handover._current is None or _watching is not None:
        return False
    _watcher = greencloud_watch(_told)
    if _watcher < 0:  # an older Python, or all eight places are taken
        PyErr_Clear()
        return False
    _watching = handover
    return True


cdef void _unwatch(Handover handover) noexcept:
    global _watching, _watcher
    if _watching is handover:
        _watching = None
        if greencloud_unwatch(_watcher) < 0:
            PyErr_Clear()
        _watcher = -1
