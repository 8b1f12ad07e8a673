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


cdef void largest_remainder(
    int64_t total, const int64_t* weights, Py_ssize_t n, int64_t* out, u128* remainders, Py_ssize_t* heap
) noexcept nogil:
    """``remainders`` and ``heap`` are scratch of n items. The caller has checked that nothing is negative, and that some weight is
    positive if the total is.
    """
    cdef Py_ssize_t i, kept
    cdef u128 weight_sum = 0
    cdef u128 product
    cdef int64_t left = total
    for i in range(n):
        weight_sum += <u128> weights[i]
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
            largest_remainder(amount, items, n, &out[0], remainders, heap)
    finally:
        free(remainders)
        free(heap)
    return result


def apportion_groups(
    const int64_t[::1] totals, const int64_t[::1] offsets, const int64_t[::1] weights, int64_t[::1] out
):
    cdef Py_ssize_t groups = totals.shape[0]
    cdef Py_ssize_t n = weights.shape[0]
    cdef Py_ssize_t g, size, bad, widest = 0
    cdef int64_t start
    if offsets.shape[0] != groups + 1:
        raise ValueError(f"{groups} totals need {groups + 1} offsets, not {offsets.shape[0]}")
    if out.shape[0] != n:
        raise ValueError(f"{n} weights need {n} places in out, not {out.shape[0]}")
    if offsets[0] != 0 or offsets[groups] != n:
        raise ValueError(f"offsets run from {offsets[0]} to {offsets[groups]}, not from 0 to {n}")
    for g in range(groups):
        if offsets[g + 1] < offsets[g]:
            raise ValueError(f"offset {offsets[g + 1]} at index {g + 1} is before the one it follows")
        size = <Py_ssize_t> (offsets[g + 1] - offsets[g])
        widest = max(widest, size)
    cdef const int64_t* amounts = _data(totals)
    cdef const int64_t* bounds = _data(offsets)
    cdef const int64_t* items = _data(weights)
    cdef int64_t* places = <int64_t*> _data(out)
    bad = _first_negative(amounts, groups)
    if bad >= 0:
        raise ValueError(f"total {amounts[bad]} at index {bad} is negative")
    bad = _first_negative(items, n)
    if bad >= 0:
        raise ValueError(f"weight {items[bad]} at index {bad} is negative")
    for g in range(groups):
        if amounts[g] > 0 and not _any_positive(items + bounds[g], <Py_ssize_t> (bounds[g + 1] - bounds[g])):
            raise ValueError(f"total {amounts[g]} at index {g} has no positive weight to go to")
    if _overlap(places, n, items, n) or _overlap(places, n, bounds, groups + 1) or _overlap(places, n, amounts, groups):
        raise ValueError("out shares memory with an input")
    if n == 0:
        return
    cdef u128* remainders = <u128*> malloc(widest * sizeof(u128))
    cdef Py_ssize_t* heap = <Py_ssize_t*> malloc(widest * sizeof(Py_ssize_t))
    try:
        if remainders == NULL or heap == NULL:
            raise MemoryError
        with nogil:
            for g in range(groups):
                start = bounds[g]
                largest_remainder(
                    amounts[g], items + start, <Py_ssize_t> (bounds[g + 1] - start), places + start, remainders, heap
                )
    finally:
        free(remainders)
        free(heap)
