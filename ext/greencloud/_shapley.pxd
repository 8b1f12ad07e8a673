from libc.stdint cimport int32_t, int64_t

from greencloud._apportion cimport u128

cdef extern from "<stdlib.h>" nogil:
    void* aligned_alloc(size_t alignment, size_t size)

cdef extern from "_lanes.h":
    enum:
        TILE "GREENCLOUD_TILE"
        BLOCK "GREENCLOUD_BLOCK"
    void peaks_of_tile "greencloud_tile"(
        const int32_t* tile, const int32_t* order, Py_ssize_t n, const int32_t* totals, int32_t* grown, int32_t* left
    ) noexcept nogil
    void peaks_of_block "greencloud_block"(
        const int64_t* table, Py_ssize_t slices, Py_ssize_t blocks, const int64_t* sums, int64_t* values
    ) noexcept nogil

# The walk over coalitions: the first `head` workloads by depth, the last `tail` from a table of all their coalitions.
cdef struct Walk:
    const int64_t* demand
    Py_ssize_t n
    Py_ssize_t slices
    Py_ssize_t head
    Py_ssize_t tail
    int64_t* sums         # [head + 1][slices]: of the members among the first `depth`
    int64_t* table        # [blocks][slices][BLOCK]: of every coalition of the tail, smallest first
    Py_ssize_t* starts    # [tail + 2]: where each size begins in the table
    int64_t* values       # [blocks * BLOCK]: of one head with every coalition of the tail
    int64_t* recent       # [head + 1][blocks * BLOCK]: values added by size of the head, not yet in `by_tail`
    Py_ssize_t* pending   # [head + 1]: how many additions `recent` holds
    u128* by_tail         # [head + 1][blocks * BLOCK]
    u128* parts           # [head + 1][n + 1]: by size, of one subtree
    u128* with_head       # [head][n + 1]: by size, of the coalitions with that workload

cdef void* aligned(Py_ssize_t size) noexcept nogil
cdef u128 peak_of(const int64_t* values, Py_ssize_t n, Py_ssize_t slices) noexcept nogil
cdef object integer(u128 value)
cdef Py_ssize_t slices_of(Py_ssize_t items, Py_ssize_t n) except -1
