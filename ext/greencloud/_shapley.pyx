# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The Shapley value of the peak game, in integers.

The players are n workloads, d[i, t] is what workload i demands in slice t, and a coalition is worth its peak: v(S) = max over t of
the sum of d[i, t] over S. What is installed for the peak (capacity, hence embodied and idle) is shared by it.

All demand becomes integers first, so that sums do not depend on their order: whatever the threads, the compiler or the machine, the
same demand gives the same bits. Demand whose slices sum to 2**PEAK_BITS or more, or which is not whole, is scaled by one power of
two, to the nearest unit; each amount is then off by at most 2**-55 of the peak. The sampling of ``_sampling.pyx`` has a bound of
its own, in 32 bits.

``coalitions`` walks all subsets by depth, adding up slices as members come. The last few workloads are not walked: a table holds
the sums of all their coalitions, and one pass over it gives the values of each with the members so far. Values are summed by size,
for all subsets and for those with each workload. Every marginal sum follows, because the subsets without a workload are the rest.
"""

from cpython.array cimport array, clone
from libc.math cimport frexp, ldexp, rint
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

cdef enum:
    PEAK = 56               # bits
    PRICE = 40
    MOST = 26
    FLUSH = 64              # additions of a value below 2**56 that fit int64
    TABLE_BYTES = 1 << 17   # of the walk's table: what a second-level cache holds with room to spare
    STRIP = 64              # slices that are summed together, so that rows are read in order
    PRUNE = 64              # comparisons an entry, at most, to find dominated slices

PEAK_BITS = PEAK
PRICE_BITS = PRICE
MOST_WORKLOADS = MOST

cdef array EMPTY = array("q")


cdef void* aligned(Py_ssize_t size) noexcept nogil:
    """Zeroed, and aligned as ``_lanes.h`` wants it."""
    cdef Py_ssize_t whole = (max(size, 1) + 63) // 64 * 64
    cdef void* memory = aligned_alloc(64, whole)
    if memory != NULL:
        memset(memory, 0, whole)
    return memory


cdef object integer(u128 value):
    return (<object> <uint64_t> (value >> 64) << 64) | <object> <uint64_t> value


cdef Py_ssize_t slices_of(Py_ssize_t items, Py_ssize_t n) except -1:
    if n <= 0 or items <= 0 or items % n != 0:
        raise ValueError(f"{items} demands are not the same number, one at least, for each of {n} workloads")
    return items // n


cdef u128 peak_of(const int64_t* values, Py_ssize_t n, Py_ssize_t slices) noexcept nogil:
    """The largest sum of a slice."""
    cdef u128 totals[STRIP]
    cdef u128 peak = 0
    cdef Py_ssize_t i, t, width
    cdef Py_ssize_t start = 0
    while start < slices:
        width = min(STRIP, slices - start)
        memset(totals, 0, sizeof(totals))
        for i in range(n):
            for t in range(width):
                totals[t] += <u128> values[i * slices + start + t]
        for t in range(width):
            if totals[t] > peak:
                peak = totals[t]
        start += width
    return peak


cdef void _round(const double* demand, Py_ssize_t items, int exponent, int64_t* out) noexcept nogil:
    """Demand times a power of two, to the nearest integer."""
    # In two steps, because 2**1130 is no double; what a step loses is far below a half.
    cdef double half = ldexp(1, exponent // 2)
    cdef double rest = ldexp(1, exponent - exponent // 2)
    cdef Py_ssize_t i
    for i in range(items):
        out[i] = <int64_t> rint(demand[i] * half * rest)


def quantised(const double[:, ::1] demand, int bits):
    cdef Py_ssize_t n = demand.shape[0]
    cdef Py_ssize_t slices = demand.shape[1]
    cdef Py_ssize_t i, t
    cdef double largest = 0
    cdef double value
    cdef int exponent
    cdef int finer = 0
    cdef u128 peak
    cdef u128 bound = <u128> 1 << bits
    for i in range(n):
        for t in range(slices):
            value = demand[i, t]
            if not 0 <= value < float("inf"):
                raise ValueError(
                    f"demand {value} at row {i}, column {t} is not a finite amount, zero or more: correct it, or leave the row out"
                )
            largest = max(largest, value)
    cdef array result = clone(EMPTY, n * slices, n * slices > 0)  # nothing cannot be zeroed
    if largest == 0:
        return result
    cdef int64_t[::1] out = result
    cdef int64_t* places = &out[0]
    # First a unit in which n of the largest fit for sure; from what slices sum to then, the finest that may fit.
    frexp(largest, &exponent)
    exponent = bits - exponent - <int> (<object> n).bit_length()
    with nogil:
        _round(&demand[0, 0], n * slices, exponent, places)
        peak = peak_of(places, n, slices)
        while peak << (finer + 1) < bound:
            finer += 1
        _round(&demand[0, 0], n * slices, exponent + finer, places)
        while peak_of(places, n, slices) >= bound:  # rounding carried
            finer -= 1
            _round(&demand[0, 0], n * slices, exponent + finer, places)
    return result


def scaled(const int64_t[:, ::1] demand, int bits):
    cdef Py_ssize_t n = demand.shape[0]
    cdef Py_ssize_t slices = demand.shape[1]
    cdef Py_ssize_t i, t
    cdef int shift = 0
    cdef u128 bound = <u128> 1 << bits
    for i in range(n):
        for t in range(slices):
            if demand[i, t] < 0:
                raise ValueError(
                    f"demand {demand[i, t]} at row {i}, column {t} is negative: correct it, or leave the row out"
                )
    cdef array result = clone(EMPTY, n * slices, False)
    if n == 0 or slices == 0:
        return result
    cdef int64_t[::1] out = result
    cdef int64_t* places = &out[0]
    with nogil:
        memcpy(places, &demand[0, 0], n * slices * sizeof(int64_t))
        while peak_of(places, n, slices) >= bound:
            shift += 1
            for i in range(n):
                for t in range(slices):
                    places[i * slices + t] = (demand[i, t] >> shift) + (demand[i, t] >> (shift - 1) & 1)
    return result


def slice_totals(const int64_t[::1] demand, Py_ssize_t n):
    cdef Py_ssize_t slices = slices_of(demand.shape[0], n)
    cdef Py_ssize_t i, t
    cdef array result = clone(EMPTY, slices, True)
    cdef int64_t[::1] out = result
    if peak_of(&demand[0], n, slices) >> PEAK:
        raise ValueError(f"a slice of demand sums to 2**{PEAK} or more: scale it first")
    for i in range(n):
        for t in range(slices):
            out[t] += demand[i * slices + t]
    return result


cdef bint _dominated(
    const int64_t* demand, Py_ssize_t n, Py_ssize_t slices, Py_ssize_t low, Py_ssize_t high, int64_t* budget
) noexcept nogil:
    """Whether no workload demands more in slice ``low`` than in ``high``."""
    cdef Py_ssize_t i
    for i in range(n):
        budget[0] -= 1
        if demand[i * slices + low] > demand[i * slices + high]:
            return False
    return True


def pruned(const int64_t[::1] demand, Py_ssize_t n):
    cdef Py_ssize_t slices = slices_of(demand.shape[0], n)
    cdef Py_ssize_t i, k, kept = 0
    cdef int64_t budget = PRUNE * <int64_t> (n * slices)
    cdef const int64_t* items = &demand[0]
    # From the fullest slice down: a slice can be dominated only by a fuller one, or by its equal.
    totals = slice_totals(demand, n).tolist()
    cdef int64_t[::1] order = array("q", sorted(range(slices), key=totals.__getitem__, reverse=True))
    cdef int64_t[::1] keep = clone(EMPTY, slices, True)
    with nogil:
        for k in range(slices):
            for i in range(kept):
                if budget > 0 and _dominated(items, n, slices, <Py_ssize_t> order[k], <Py_ssize_t> keep[i], &budget):
                    break
            else:
                keep[kept] = order[k]
                kept += 1
    cdef array result = clone(EMPTY, n * kept, False)
    cdef int64_t[::1] out = result
    for i in range(n):
        for k in range(kept):
            out[i * kept + k] = items[i * slices + keep[k]]
    return result


cdef void _flush(Walk* walk, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t lanes = walk.starts[walk.tail + 1]
    cdef Py_ssize_t stride = (lanes + BLOCK - 1) // BLOCK * BLOCK
    cdef Py_ssize_t j
    for j in range(lanes):
        walk.by_tail[size * stride + j] += <u128> walk.recent[size * stride + j]
        walk.recent[size * stride + j] = 0
    walk.pending[size] = 0


cdef void _leaf(Walk* walk, Py_ssize_t size, const int64_t* sums, u128* part) noexcept nogil:
    """All coalitions of one head: ``part`` becomes their values by number of members of the tail."""
    cdef Py_ssize_t lanes = walk.starts[walk.tail + 1]
    cdef Py_ssize_t blocks = (lanes + BLOCK - 1) // BLOCK
    cdef Py_ssize_t j, s
    cdef int64_t total
    cdef const int64_t* values = walk.values
    cdef int64_t* recent = walk.recent + size * blocks * BLOCK
    peaks_of_block(walk.table, walk.slices, blocks, sums, walk.values)
    for s in range(walk.tail + 1):
        total = 0
        for j in range(walk.starts[s], walk.starts[s + 1]):
            total += values[j]
        part[s] = <u128> total
    for j in range(lanes):
        recent[j] += values[j]
    walk.pending[size] += 1
    if walk.pending[size] == FLUSH:
        _flush(walk, size)


cdef void _descend(Walk* walk, Py_ssize_t depth, Py_ssize_t size, const int64_t* sums) noexcept nogil:
    cdef u128* part = walk.parts + depth * (walk.n + 1)
    cdef u128* child = part + walk.n + 1
    cdef u128* members = walk.with_head + depth * (walk.n + 1) + size + 1
    cdef int64_t* more = walk.sums + (depth + 1) * walk.slices
    cdef const int64_t* row = walk.demand + depth * walk.slices
    cdef Py_ssize_t below = walk.n - depth - 1
    cdef Py_ssize_t s, t
    if depth == walk.head:
        _leaf(walk, size, sums, part)
        return
    _descend(walk, depth + 1, size, sums)
    memcpy(part, child, (below + 1) * sizeof(u128))
    part[below + 1] = 0
    for t in range(walk.slices):
        more[t] = sums[t] + row[t]
    _descend(walk, depth + 1, size + 1, more)
    for s in range(below + 1):
        part[s + 1] += child[s]
        members[s] += child[s]


cdef void _fill(Walk* walk, Py_ssize_t lane, Py_ssize_t mask) noexcept nogil:
    """The sums of one coalition of the tail, into the table."""
    cdef Py_ssize_t i, t
    cdef int64_t* column = walk.table + lane // BLOCK * walk.slices * BLOCK + lane % BLOCK
    for i in range(walk.tail):
        if mask >> i & 1:
            for t in range(walk.slices):
                column[t * BLOCK] += walk.demand[(walk.head + i) * walk.slices + t]


def coalitions(const int64_t[::1] demand, Py_ssize_t n):
    if n > MOST:
        raise ValueError(f"{n} workloads have too many coalitions: {MOST} at most")
    cdef Py_ssize_t i, j, s, lanes, places, bit
    cdef Walk walk
    walk.demand = &demand[0] if demand.shape[0] > 0 else NULL
    walk.slices = slices_of(demand.shape[0], n)
    if peak_of(walk.demand, n, walk.slices) >> PEAK:
        raise ValueError(f"a slice of demand sums to 2**{PEAK} or more: scale it first")
    walk.n = n
    walk.tail = min(n, 8)
    while walk.tail > 4 and (walk.slices << walk.tail) * <Py_ssize_t> sizeof(int64_t) > TABLE_BYTES:
        walk.tail -= 1
    walk.head = n - walk.tail
    lanes = 1 << walk.tail
    places = (lanes + BLOCK - 1) // BLOCK * BLOCK
    masks = sorted(range(lanes), key=lambda mask: (mask.bit_count(), mask))
    walk.sums = <int64_t*> calloc((walk.head + 1) * walk.slices, sizeof(int64_t))
    walk.table = <int64_t*> aligned(places * walk.slices * sizeof(int64_t))
    walk.starts = <Py_ssize_t*> calloc(walk.tail + 2, sizeof(Py_ssize_t))
    walk.values = <int64_t*> aligned(places * sizeof(int64_t))
    walk.recent = <int64_t*> calloc((walk.head + 1) * places, sizeof(int64_t))
    walk.pending = <Py_ssize_t*> calloc(walk.head + 1, sizeof(Py_ssize_t))
    walk.by_tail = <u128*> calloc((walk.head + 1) * places, sizeof(u128))
    walk.parts = <u128*> calloc((walk.head + 1) * (n + 1), sizeof(u128))
    walk.with_head = <u128*> calloc((walk.head + 1) * (n + 1), sizeof(u128))
    try:
        if (
            walk.sums == NULL or walk.table == NULL or walk.starts == NULL or walk.values == NULL or walk.recent == NULL
            or walk.pending == NULL or walk.by_tail == NULL or walk.parts == NULL or walk.with_head == NULL
        ):
            raise MemoryError
        for j in range(lanes):
            walk.starts[<Py_ssize_t> masks[j].bit_count() + 1] = j + 1
            _fill(&walk, j, masks[j])
        with nogil:
            _descend(&walk, 0, 0, walk.sums)
            for s in range(walk.head + 1):
                _flush(&walk, s)
        every = [integer(walk.parts[s]) for s in range(n + 1)]
        members = [[integer(walk.with_head[i * (n + 1) + s]) for s in range(n + 1)] for i in range(walk.head)]
        for i in range(walk.tail):
            sums = [0] * (n + 1)
            for j in range(lanes):
                bit = masks[j] >> i & 1
                if bit:
                    for s in range(walk.head + 1):
                        sums[s + masks[j].bit_count()] += integer(walk.by_tail[s * places + j])
            members.append(sums)
    finally:
        free(walk.sums)
        free(walk.table)
        free(walk.starts)
        free(walk.values)
        free(walk.recent)
        free(walk.pending)
        free(walk.by_tail)
        free(walk.parts)
        free(walk.with_head)
    return every, members


def priced(const int64_t[::1] demand, Py_ssize_t n, const int64_t[::1] prices):
    cdef Py_ssize_t slices = slices_of(demand.shape[0], n)
    cdef Py_ssize_t i, t
    cdef u128 total
    if prices.shape[0] != slices:
        raise ValueError(f"{slices} slices need {slices} prices, not {prices.shape[0]}")
    if slices >> 32:
        raise ValueError(f"{slices} slices are too many: 2**32 at most")
    for t in range(slices):
        if prices[t] < 0 or prices[t] >> PRICE:
            raise ValueError(f"price {prices[t]} at slice {t} is not below 2**{PRICE}")
    if peak_of(&demand[0], n, slices) >> PEAK:
        raise ValueError(f"a slice of demand sums to 2**{PEAK} or more: scale it first")
    result = []
    for i in range(n):
        total = 0
        with nogil:
            for t in range(slices):
                total += <u128> prices[t] * <u128> demand[i * slices + t]
        result.append(integer(total))
    return result
