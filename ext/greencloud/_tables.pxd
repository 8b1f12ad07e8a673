from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint64_t greencloud_mix(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128) a * b;
        return (uint64_t) product ^ (uint64_t) (product >> 64);
    }
    """
    uint64_t greencloud_mix(uint64_t a, uint64_t b) noexcept nogil

cdef enum:
    FINE = 0
    NO_MEMORY = 1

# What is sorted, by a, b and c in this order; d comes along.
cdef struct Item:
    uint64_t a
    uint64_t b
    uint64_t c
    uint64_t d

# Keys of three words, numbered in order of arrival.
cdef struct Table:
    uint64_t* words
    uint32_t* slots  # number + 1, 0 where free
    int64_t size
    int64_t room
    uint64_t mask
    uint64_t slot_room
    uint64_t probes

cdef uint64_t sort_items(Item* items, Item* spare, int64_t n) noexcept nogil
cdef uint64_t hash_of(uint64_t a, uint64_t b, uint64_t c) noexcept nogil
cdef int reset_table(Table* table, int64_t expected) noexcept nogil
cdef int64_t find_key(Table* table, uint64_t a, uint64_t b, uint64_t c, bint add) noexcept nogil
cdef void free_table(Table* table) noexcept nogil
