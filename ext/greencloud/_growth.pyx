# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What one series of points in order of time grew by, exactly, for the common case (see ``telemetry/growth.py``).

A value becomes an integer of the column's unit: a double is a 53-bit integer times a power of two, its product with the scale is
exact in 128 bits, and a right shift rounds it half to even. Values below 2**62 and intervals below 2**63 make products below
2**125, so cutting at windows cannot overflow.

Levels of one series are put on the smallest power of two that any of them needs, as integers of at most 84 bits. Their running
total is kept as quotient and remainder of the scale's denominator, so that it never outgrows 128 bits however long the series is.

What does not fit says so (``unfit``): values that need more bits, counters that overlap in time, deltas that overlap.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, realloc


cdef extern from *:
    """
    #define greencloud_mul128(a, b, out) __builtin_mul_overflow((greencloud_i128)(a), (greencloud_i128)(b), (out))
    #define greencloud_add128(a, b, out) __builtin_add_overflow((greencloud_i128)(a), (greencloud_i128)(b), (out))
    #define greencloud_add64(a, b, out) __builtin_add_overflow((int64_t)(a), (int64_t)(b), (out))
    #define greencloud_bits(x) ((x) ? 64 - __builtin_clzll((unsigned long long)(x)) : 0)
    #define greencloud_zeros(x) __builtin_ctzll((unsigned long long)(x))
    """
    bint greencloud_mul128(i128 a, i128 b, i128* out) noexcept nogil
    bint greencloud_add128(i128 a, i128 b, i128* out) noexcept nogil
    bint greencloud_add64(int64_t a, int64_t b, int64_t* out) noexcept nogil
    int greencloud_bits(uint64_t x) noexcept nogil
    int greencloud_zeros(uint64_t x) noexcept nogil


cdef int64_t WINDOW_LIMIT = (<int64_t> 1) << 60
cdef int64_t VALUE_LIMIT = (<int64_t> 1) << 62


cdef inline int _parts(int64_t bits, int64_t* mantissa) noexcept nogil:
    """A finite double as an odd integer (or 0) times a power of two, whose exponent is given back."""
    cdef int exponent = <int> ((<uint64_t> bits >> 52) & 0x7FF)
    cdef uint64_t found = <uint64_t> bits & ((<uint64_t> 1 << 52) - 1)
    cdef int zeros
    if exponent:
        found |= <uint64_t> 1 << 52
    else:
        exponent = 1
    mantissa[0] = 0
    if found == 0:
        return 0
    zeros = greencloud_zeros(found)
    mantissa[0] = <int64_t> (found >> zeros)
    if bits < 0:
        mantissa[0] = -mantissa[0]
    return exponent - 1075 + zeros


cdef bint _exact(const Point* point, int64_t scale, int64_t* out) noexcept nogil:
    """The value times the scale, rounded half to even; False where it does not fit."""
    cdef int64_t mantissa
    cdef int exponent = 0
    cdef i128 product, rest, half
    cdef bint negative
    if point.kind == 1:
        mantissa = point.bits
    else:
        exponent = _parts(point.bits, &mantissa)
    product = <i128> mantissa * scale  # below 2**126
    negative = product < 0
    if negative:
        product = -product
    if exponent > 0:
        if exponent > 62 or product >= (<i128> VALUE_LIMIT >> exponent):
            if product != 0:
                return False
        else:
            product = product << exponent
    elif exponent < -126:
        product = 0  # less than half
    elif exponent < 0:
        rest = product & (((<i128> 1) << -exponent) - 1)
        half = (<i128> 1) << (-exponent - 1)
        product = product >> -exponent
        if rest > half or (rest == half and product & 1):
            product += 1
    if product >= <i128> VALUE_LIMIT:
        return False
    out[0] = -<int64_t> product if negative else <int64_t> product
    return True


# What grows.

cdef bint _room(Items* items, Py_ssize_t more) noexcept nogil:
    cdef Py_ssize_t room
    cdef void* moved
    if items.size + more <= items.room:
        return True
    room = 2 * items.room + more + 14
    moved = realloc(items.at, <size_t> room * sizeof(int64_t))
    if moved == NULL:
        return False
    items.at = <int64_t*> moved
    items.room = room
    return True


cdef void _set_apart(Growth* growth, int64_t start_ns, int64_t end_ns, int64_t amount, bint opening) noexcept nogil:
    if not _room(&growth.apart, 4):
        growth.full = True
        return
    growth.apart.at[growth.apart.size] = start_ns
    growth.apart.at[growth.apart.size + 1] = end_ns
    growth.apart.at[growth.apart.size + 2] = amount
    growth.apart.at[growth.apart.size + 3] = opening
    growth.apart.size += 4


cdef void _add(Growth* growth, int64_t number, int64_t amount) noexcept nogil:
    cdef Items* windows = &growth.windows
    if windows.size and windows.at[windows.size - 2] == number:
        if greencloud_add64(windows.at[windows.size - 1], amount, &windows.at[windows.size - 1]):
            growth.unfit = True
        return
    if not _room(windows, 2):
        growth.full = True
        return
    windows.at[windows.size] = number
    windows.at[windows.size + 1] = amount
    windows.size += 2


cdef void _emit(Growth* growth, int64_t start_ns, int64_t end_ns, int64_t amount) noexcept nogil:
    """Add what accrued over an interval; intervals come in order of time and do not overlap. Amounts are below 2**62."""
    cdef Items* runs = &growth.runs
    cdef int64_t number, last, before, until
    while growth.besides_at < growth.besides_count and growth.besides[2 * growth.besides_at + 1] <= start_ns:
        growth.besides_at += 1
    if growth.besides_at < growth.besides_count and growth.besides[2 * growth.besides_at] < end_ns:
        growth.dropped += 1
        return
    if runs.size and runs.at[runs.size - 1] == start_ns:
        runs.at[runs.size - 1] = end_ns
    elif not _room(runs, 2):
        growth.full = True
        return
    else:
        runs.at[runs.size] = start_ns
        runs.at[runs.size + 1] = end_ns
        runs.size += 2
    if start_ns >= growth.low_ns and end_ns <= growth.high_ns:
        _add(growth, growth.low_ns // growth.window_ns, amount)
        return
    number = start_ns // growth.window_ns
    last = (end_ns - 1) // growth.window_ns
    before = 0
    while number < last:
        until = <int64_t> (<i128> amount * ((number + 1) * growth.window_ns - start_ns) // (end_ns - start_ns))
        _add(growth, number, until - before)
        before = until
        number += 1
    _add(growth, last, amount - before)
    growth.low_ns = last * growth.window_ns
    growth.high_ns = growth.low_ns + growth.window_ns


cdef Py_ssize_t _group(
    Growth* growth, const Point* points, Py_ssize_t n, Py_ssize_t i, int64_t scale, bint positive, int64_t* value
) noexcept nogil:
    """The smallest value of the points that have the time and start of the one at ``i``; gives the first point after them.

    ``positive``: negative values are left out, and where all are negative the value is -1.
    """
    cdef const Point* first = &points[i]
    cdef int64_t found
    cdef bint some = False
    value[0] = -1
    while i < n and points[i].time_ns == first.time_ns and points[i].start_ns == first.start_ns:
        if not _exact(&points[i], scale, &found):
            growth.unfit = True
            return n
        i += 1
        if positive and found < 0:
            growth.faults |= NEGATIVE
            continue
        if some and found != value[0]:
            growth.faults |= CONTRADICTION
        if not some or found < value[0]:
            value[0] = found
        some = True
    return i


cdef void grow_cumulative(Growth* growth, const Point* points, Py_ssize_t n, int64_t scale, int64_t longest_ns) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef const Point* at
    cdef const Point* previous = NULL
    cdef int64_t value = 0, before = 0
    while i < n and not growth.unfit:
        at = &points[i]
        i = _group(growth, points, n, i, scale, True, &value)
        if growth.unfit or value < 0:
            continue
        if previous == NULL or at.start_ns != previous.start_ns:
            if previous != NULL and (at.start_ns < previous.start_ns or at.start_ns < previous.time_ns):
                growth.unfit = True  # counters that overlap
            elif 0 < at.start_ns < at.time_ns:
                _set_apart(growth, at.start_ns, at.time_ns, value, True)
        elif at.time_ns - previous.time_ns > longest_ns:
            growth.faults |= SILENCE
        else:
            _emit(growth, previous.time_ns, at.time_ns, value - before if value >= before else value)
        previous = at
        before = value


cdef void grow_delta(Growth* growth, const Point* points, Py_ssize_t n, int64_t scale, int64_t longest_ns) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef const Point* at
    cdef int64_t value = 0, start_ns, last_ns = 0, until_ns = 0
    while i < n and not growth.unfit:
        at = &points[i]
        i = _group(growth, points, n, i, scale, False, &value)
        if growth.unfit:
            return
        start_ns = at.start_ns if at.start_ns else last_ns if last_ns else at.time_ns
        last_ns = at.time_ns
        if value < 0:
            growth.faults |= NEGATIVE
        elif at.time_ns - start_ns > longest_ns:
            growth.faults |= SILENCE
        elif start_ns == at.time_ns:
            _set_apart(growth, start_ns, start_ns, value, False)
        elif start_ns < until_ns:
            growth.unfit = True  # deltas that overlap
        else:
            _emit(growth, start_ns, at.time_ns, value)
            until_ns = at.time_ns


cdef bint _levels(const Point* points, Py_ssize_t n, int64_t most, int* exponent, i128* limit) noexcept nogil:
    """The exponent that all levels are integers at, and the limit there; False where they need more than LEVEL_BITS."""
    cdef Py_ssize_t i
    cdef int64_t mantissa
    cdef int found, top = greencloud_bits(<uint64_t> most)
    exponent[0] = 0
    for i in range(n):
        if points[i].kind == 1:
            if points[i].bits <= -VALUE_LIMIT or points[i].bits >= VALUE_LIMIT:
                return False  # whose negative would not fit
            found = greencloud_bits(<uint64_t> (-points[i].bits if points[i].bits < 0 else points[i].bits))
            top = max(top, found)
        else:
            found = _parts(points[i].bits, &mantissa)
            if mantissa:
                exponent[0] = min(exponent[0], found)
                top = max(top, found + greencloud_bits(<uint64_t> (-mantissa if mantissa < 0 else mantissa)))
    if top - exponent[0] > LEVEL_BITS:
        return False
    limit[0] = <i128> most << -exponent[0]
    return True


cdef inline i128 _level_at(const Point* point, int exponent) noexcept nogil:
    cdef int64_t mantissa
    cdef int found
    if point.kind == 1:
        return point.bits * (<i128> 1 << -exponent)
    found = _parts(point.bits, &mantissa)
    return mantissa * (<i128> 1 << (found - exponent)) if mantissa else 0


cdef void grow_level(
    Growth* growth, const Point* points, Py_ssize_t n, int64_t numerator, int64_t denominator, int64_t longest_ns, int64_t most
) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef int exponent = 0
    cdef int64_t time_ns, last_ns = 0
    cdef i128 limit = 0, value, level = 0, found, divisor, part, rest = 0, quotient = 0, rounded, before = 0
    if not _levels(points, n, most, &exponent, &limit) or greencloud_bits(<uint64_t> denominator) - exponent > 124:
        growth.unfit = True
        return
    divisor = <i128> denominator << -exponent
    while i < n:
        time_ns = points[i].time_ns
        value = _level_at(&points[i], exponent)
        i += 1
        while i < n and points[i].time_ns == time_ns:
            found = _level_at(&points[i], exponent)
            if found != value:
                growth.faults |= CONTRADICTION
                value = min(value, found)
            i += 1
        if last_ns:
            if level < 0:
                growth.faults |= NEGATIVE
            elif time_ns - last_ns > longest_ns:
                growth.faults |= SILENCE
            else:
                if limit and level > limit:
                    growth.faults |= ABOVE
                    level = limit
                # Rounding the running total, not each part, keeps the parts' sum within one half of the exact one.
                if (
                    greencloud_mul128(level, time_ns - last_ns, &part)
                    or greencloud_mul128(part, numerator, &part)
                    or greencloud_add128(rest, part, &rest)
                    or greencloud_add128(quotient, rest // divisor, &quotient)
                ):
                    growth.unfit = True
                    return
                rest = rest % divisor
                rounded = quotient
                if 2 * rest > divisor or (2 * rest == divisor and rounded & 1):
                    rounded += 1
                if rounded - before >= <i128> VALUE_LIMIT:
                    growth.unfit = True
                    return
                _emit(growth, last_ns, time_ns, <int64_t> (rounded - before))
                before = rounded
        last_ns = time_ns
        level = value


cdef int prepare(
    Growth* growth, int64_t numerator, int64_t denominator, int64_t window_ns, int64_t longest_ns, const int64_t[::1] besides
) except -1:
    cdef Py_ssize_t i
    if numerator < 1 or denominator < 1:
        raise ValueError("a scale is positive")
    if not 0 < window_ns <= WINDOW_LIMIT or longest_ns < 0:
        raise ValueError("a length of time")
    if besides.shape[0] % 2:
        raise ValueError("an interval without an end")
    for i in range(1, besides.shape[0]):
        if besides[i - 1] > besides[i] or (i & 1 and besides[i - 1] == besides[i]):
            raise ValueError("intervals are not apart and in order")
    growth.windows = Items(NULL, 0, 0)
    growth.runs = Items(NULL, 0, 0)
    growth.apart = Items(NULL, 0, 0)
    growth.window_ns = window_ns
    growth.low_ns = 0
    growth.high_ns = 0
    growth.besides = &besides[0] if besides.shape[0] else NULL
    growth.besides_count = besides.shape[0] // 2
    growth.besides_at = 0
    growth.dropped = 0
    growth.faults = 0
    growth.unfit = False
    growth.full = False
    return 0


cdef object grown(Growth* growth):
    """What it grew by as Python values; None where it was not the common case. The growth is done with."""
    cdef Py_ssize_t i
    cdef const int64_t* at
    try:
        if growth.full:
            raise MemoryError
        if growth.unfit:
            return None
        at = growth.windows.at
        windows = [(at[i], at[i + 1]) for i in range(0, growth.windows.size, 2)]
        at = growth.runs.at
        runs = [(at[i], at[i + 1]) for i in range(0, growth.runs.size, 2)]
        at = growth.apart.at
        apart = [(at[i], at[i + 1], at[i + 2], bool(at[i + 3])) for i in range(0, growth.apart.size, 4)]
        return windows, runs, apart, growth.faults, growth.dropped
    finally:
        free(growth.windows.at)
        free(growth.runs.at)
        free(growth.apart.at)
