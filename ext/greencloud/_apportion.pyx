# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Largest remainder (Hamilton) over int64 with 128-bit products.

Each of n weights first gets the floor of its quota ``total * weight / sum``; the units that are left go one each to the largest
remainders, ties to the lower index. So the parts add up to the total exactly, no part is a whole unit from its quota, and a zero
weight gets zero (its remainder is zero, and more remainders are positive than units are left).

A product is below 2**126 and a sum of weights below 2**127 for any array that fits in memory, so nothing overflows. The best
remainders are kept in a heap: n log n at worst, whatever the weights, because tenants choose some of them.
"""

from cpython.array cimport array, clone
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc


cdef extern from *:
    """
    #define greencloud_add_overflow(a, b, sum) __builtin_add_overflow((int64_t)(a), (int64_t)(b), (sum))
    """
    bint greencloud_add_overflow(int64_t a, int64_t b, int64_t* sum) noexcept nogil


cdef array EMPTY = array("q")


cdef inline bint _before(const u128* remainders, Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    """Whether index a has a better claim to a left-over unit than index b: a strict total order."""
    if remainders[a] != remainders[b]:
        return remainders[a] > remainders[b]
    return a < b


cdef void _sift(const u128* remainders, Py_ssize_t* heap, Py_ssize_t size, Py_ssize_t at) noexcept nogil:
    """Restore the heap whose root is the worst of those kept."""
    cdef Py_ssize_t item = heap[at]
    cdef Py_ssize_t child = 2 * at + 1
    while child < size:
        if child + 1 < size and _before(remainders, heap[child], heap[child + 1]):
            child += 1
        if not _before(remainders, item, heap[child]):
            break
        heap[at] = heap[child]
        at = child
        child = 2 * at + 1
    heap[at] = item


cdef u128 _sum(const int64_t* weights, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef u128 total = 0
    for i in range(n):
        total += <u128> weights[i]
    return total


cdef void largest_remainder(
    int64_t total, u128 weight_sum, const int64_t* weights, Py_ssize_t n, int64_t* out, u128* remainders, Py_ssize_t* heap
) noexcept nogil:
    """``remainders`` and ``heap`` are scratch of n items. The caller has checked that nothing is negative, and that some weight is
    positive if the total is.
    """
    cdef Py_ssize_t i, kept
    cdef u128 product
    cdef int64_t left = total
    if total == 0 or weight_sum == 0:
        for i in range(n):
            out[i] = 0
        return
    for i in range(n):
        product = <u128> total * <u128> weights[i]
        out[i] = <int64_t> (product / weight_sum)
        remainders[i] = product % weight_sum
        left -= out[i]
    kept = <Py_ssize_t> left
    if kept <= 0:
        return
    for i in range(kept):
        heap[i] = i
    for i in range(kept // 2 - 1, -1, -1):
        _sift(remainders, heap, kept, i)
    for i in range(kept, n):
        if _before(remainders, i, heap[0]):
            heap[0] = i
            _sift(remainders, heap, kept, 0)
    for i in range(kept):
        out[heap[i]] += 1


cdef Py_ssize_t _first_negative(const int64_t* values, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if values[i] < 0:
            return i
    return -1


cdef bint _any_positive(const int64_t* values, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if values[i] > 0:
            return True
    return False


cdef bint _overlap(const int64_t* a, Py_ssize_t a_n, const int64_t* b, Py_ssize_t b_n) noexcept nogil:
    return a_n > 0 and b_n > 0 and a < b + b_n and b < a + a_n


cdef const int64_t* _data(const int64_t[::1] view) noexcept:
    """The items, or NULL for none: taking the address of item 0 of an empty view would be out of bounds."""
    return &view[0] if view.shape[0] > 0 else NULL


def apportion(total, weights):
    cdef int64_t amount = total
    cdef const int64_t[::1] view
    cdef Py_ssize_t bad
    try:
        view = weights
    except TypeError:  # no buffer; one of another item type is a mistake, and its ValueError says which
        view = array("q", weights)
    cdef Py_ssize_t n = view.shape[0]
    cdef array result = clone(EMPTY, n, False)
    cdef int64_t[::1] out = result
    cdef const int64_t* items = _data(view)
    if amount < 0:
        raise ValueError(f"total {amount} is negative")
    bad = _first_negative(items, n)
    if bad >= 0:
        raise ValueError(f"weight {items[bad]} at index {bad} is negative")
    if amount > 0 and not _any_positive(items, n):
        raise ValueError(f"total {amount} has no positive weight to go to")
    if n == 0:
        return result
    cdef u128* remainders = <u128*> malloc(n * sizeof(u128))
    cdef Py_ssize_t* heap = <Py_ssize_t*> malloc(n * sizeof(Py_ssize_t))
    try:
        if remainders == NULL or heap == NULL:
            raise MemoryError
        with nogil:
            largest_remainder(amount, _sum(items, n), items, n, &out[0], remainders, heap)
    finally:
        free(remainders)
        free(heap)
    return result


def apportion_groups(
    const int64_t[:, ::1] totals, const int64_t[::1] offsets, const int64_t[::1] weights, int64_t[:, ::1] out
):
    cdef Py_ssize_t lines = totals.shape[0]
    cdef Py_ssize_t groups = totals.shape[1]
    cdef Py_ssize_t n = weights.shape[0]
    cdef Py_ssize_t g, k, size, bad, widest = 0
    cdef int64_t start
    if offsets.shape[0] != groups + 1:
        raise ValueError(f"{groups} totals need {groups + 1} offsets, not {offsets.shape[0]}")
    if out.shape[0] != lines or out.shape[1] != n:
        raise ValueError(f"{lines} lines of {n} weights need as many places in out, not {out.shape[0]} x {out.shape[1]}")
    if offsets[0] != 0 or offsets[groups] != n:
        raise ValueError(f"offsets run from {offsets[0]} to {offsets[groups]}, not from 0 to {n}")
    for g in range(groups):
        if offsets[g + 1] < offsets[g]:
            raise ValueError(f"offset {offsets[g + 1]} at index {g + 1} is before the one it follows")
        size = <Py_ssize_t> (offsets[g + 1] - offsets[g])
        widest = max(widest, size)
    cdef const int64_t* amounts = &totals[0, 0] if lines * groups > 0 else NULL
    cdef const int64_t* bounds = _data(offsets)
    cdef const int64_t* items = _data(weights)
    cdef int64_t* places = &out[0, 0] if lines * n > 0 else NULL
    bad = _first_negative(amounts, lines * groups)
    if bad >= 0:
        raise ValueError(f"total {amounts[bad]} at index {bad % groups} of line {bad // groups} is negative")
    bad = _first_negative(items, n)
    if bad >= 0:
        raise ValueError(f"weight {items[bad]} at index {bad} is negative")
    for g in range(groups):
        if not _any_positive(items + bounds[g], <Py_ssize_t> (bounds[g + 1] - bounds[g])):
            for k in range(lines):
                if amounts[k * groups + g] > 0:
                    raise ValueError(
                        f"total {amounts[k * groups + g]} at index {g} of line {k} has no positive weight to go to"
                    )
    if (
        _overlap(places, lines * n, items, n)
        or _overlap(places, lines * n, bounds, groups + 1)
        or _overlap(places, lines * n, amounts, lines * groups)
    ):
        raise ValueError("out shares memory with an input")
    if lines == 0 or n == 0:
        return
    cdef u128* remainders = <u128*> malloc(widest * sizeof(u128))
    cdef Py_ssize_t* heap = <Py_ssize_t*> malloc(widest * sizeof(Py_ssize_t))
    cdef u128 weight_sum
    try:
        if remainders == NULL or heap == NULL:
            raise MemoryError
        with nogil:
            for g in range(groups):
                start = bounds[g]
                size = <Py_ssize_t> (bounds[g + 1] - start)
                if size == 1:  # the common case of one party: it has the total, if the check above let it pass
                    for k in range(lines):
                        places[k * n + start] = amounts[k * groups + g]
                    continue
                weight_sum = _sum(items + start, size)
                for k in range(lines):
                    largest_remainder(
                        amounts[k * groups + g], weight_sum, items + start, size, places + k * n + start, remainders, heap
                    )
    finally:
        free(remainders)
        free(heap)


def add_at(
    const int64_t[:, ::1] parts, const int64_t[::1] places, const int64_t[::1] flags, int64_t[:, ::1] sums, int64_t[::1] marks
):
    cdef Py_ssize_t lines = parts.shape[0]
    cdef Py_ssize_t n = parts.shape[1]
    cdef Py_ssize_t entries = sums.shape[1]
    cdef Py_ssize_t i, k
    cdef int64_t at, any_of
    cdef bint full = False
    if places.shape[0] != n or flags.shape[0] != n:
        raise ValueError(f"{n} parts need {n} places and flags, not {places.shape[0]} and {flags.shape[0]}")
    if sums.shape[0] != lines or marks.shape[0] != entries:
        raise ValueError(f"sums of {sums.shape[0]} x {entries} and {marks.shape[0]} marks do not fit {lines} lines")
    for i in range(n):
        if places[i] < 0 or places[i] >= entries:
            raise ValueError(f"place {places[i]} at index {i} is not among {entries} entries")
    with nogil:
        for i in range(n):
            at = places[i]
            any_of = 0
            for k in range(lines):
                any_of |= parts[k, i]
                if greencloud_add_overflow(sums[k, at], parts[k, i], &sums[k, at]):
                    full = True
            if any_of != 0:
                marks[at] |= flags[i]
    if full:
        raise OverflowError("an entry is more than 64 bits hold")
