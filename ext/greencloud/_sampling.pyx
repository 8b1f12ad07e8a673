# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Random orders of arrival, for the Shapley value of the peak game (see ``_shapley.pyx``) of more workloads than can be walked.

A workload's marginal in an order is what the peak grows by when it comes; its expectation over all orders is the Shapley value.
Orders come in pairs, each with its reverse: one who came late comes early, so that their errors partly cancel. What the others
leave is total minus sum, so a pair costs one pass. Marginals of a pair are below 2**32, and integers: their sums and those of their
squares do not depend on who adds them up. Pair k comes from the seed and k alone.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from greencloud._apportion cimport u128
from greencloud._shapley cimport TILE, aligned, integer, peak_of, peaks_of_tile, slices_of

cdef enum:
    SAMPLE = 31  # bits
    BATCH = 8    # pairs that share one pass over the tiles

SAMPLE_BITS = SAMPLE


cdef inline uint64_t _mixed(uint64_t x) noexcept nogil:
    """The output function of SplitMix64 (Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> 30)) * <uint64_t> 0xbf58476d1ce4e5b9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94d049bb133111eb
    return x ^ (x >> 31)


cdef void _shuffle(uint64_t seed, uint64_t index, Py_ssize_t n, int32_t* order) noexcept nogil:
    """Fisher-Yates from a SplitMix64 of its own for each index. A place is the high half of a 128-bit product: its bias is below
    n / 2**64.
    """
    cdef uint64_t gamma = <uint64_t> 0x9e3779b97f4a7c15
    cdef uint64_t state = _mixed(_mixed(seed + gamma) + (index + 1) * gamma)
    cdef Py_ssize_t k, place
    cdef int32_t item
    for k in range(n):
        order[k] = <int32_t> k
    for k in range(n - 1, 0, -1):
        state += gamma
        place = <Py_ssize_t> (<u128> _mixed(state) * <u128> (k + 1) >> 64)
        item = order[k]
        order[k] = order[place]
        order[place] = item


cdef class Tiles:
    def __cinit__(self, const int64_t[::1] demand, Py_ssize_t n):
        cdef Py_ssize_t slices = slices_of(demand.shape[0], n)
        cdef Py_ssize_t i, t, at
        if n >> 31:
            raise ValueError(f"{n} workloads are too many: fewer than 2**31")
        if peak_of(&demand[0], n, slices) >> SAMPLE:
            raise ValueError(f"a slice of demand sums to 2**{SAMPLE} or more: scale it first")
        self.n = n
        self.tiles = (slices + TILE - 1) // TILE
        self.demand = <int32_t*> aligned(self.tiles * n * TILE * sizeof(int32_t))
        self.totals = <int32_t*> aligned(self.tiles * TILE * sizeof(int32_t))
        if self.demand == NULL or self.totals == NULL:
            raise MemoryError
        for i in range(n):
            for t in range(slices):
                at = (t // TILE * n + i) * TILE + t % TILE
                self.demand[at] = <int32_t> demand[i * slices + t]
                self.totals[t] += self.demand[at]

    def __dealloc__(self):
        free(self.demand)
        free(self.totals)

    def marginals(self, uint64_t seed, int64_t first, int64_t last):
        if not 0 <= first <= last < 1 << 31:
            raise ValueError(f"pairs {first} to {last} are not a range within 0 to 2**31")
        cdef Py_ssize_t n = self.n
        cdef int64_t pair = first
        cdef Py_ssize_t i, b, at, width, tile
        cdef int32_t* orders = <int32_t*> malloc(BATCH * n * sizeof(int32_t))
        cdef int32_t* grown = <int32_t*> malloc(BATCH * n * sizeof(int32_t))
        cdef int32_t* left = <int32_t*> malloc(BATCH * n * sizeof(int32_t))
        cdef uint64_t* sums = <uint64_t*> calloc(n, sizeof(uint64_t))
        cdef u128* squares = <u128*> calloc(n, sizeof(u128))
        try:
            if orders == NULL or grown == NULL or left == NULL or sums == NULL or squares == NULL:
                raise MemoryError
            with nogil:
                while pair < last:
                    width = <Py_ssize_t> min(BATCH, last - pair)
                    memset(grown, 0, width * n * sizeof(int32_t))
                    memset(left, 0, width * n * sizeof(int32_t))
                    for b in range(width):
                        _shuffle(seed, <uint64_t> (pair + b), n, orders + b * n)
                    # One tile for all permutations of the batch, while it is in the cache.
                    for tile in range(self.tiles):
                        for b in range(width):
                            at = b * n
                            peaks_of_tile(
                                self.demand + tile * n * TILE, orders + at, n, self.totals + tile * TILE, grown + at, left + at
                            )
                    for b in range(width):
                        _add(orders + b * n, grown + b * n, left + b * n, n, sums, squares)
                    pair += width
            return [sums[i] for i in range(n)], [integer(squares[i]) for i in range(n)]
        finally:
            free(orders)
            free(grown)
            free(left)
            free(sums)
            free(squares)


cdef void _add(
    const int32_t* order, const int32_t* grown, const int32_t* left, Py_ssize_t n, uint64_t* sums, u128* squares
) noexcept nogil:
    """The marginals of an order and its reverse, to the sums of each workload and of their squares."""
    cdef int32_t before = 0
    cdef int32_t after = grown[n - 1]  # the peak of all: what is left before the first has come
    cdef uint64_t both
    cdef Py_ssize_t k
    for k in range(n):
        both = <uint64_t> (grown[k] - before) + <uint64_t> (after - left[k])
        before = grown[k]
        after = left[k]
        sums[order[k]] += both
        squares[order[k]] += <u128> both * both
