# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Numbers the distinct combinations of four columns, in order of their first points, by a hash table with open addressing.

Codes in the columns are given out in order of first sight, so a sender cannot choose where they fall in the table.
"""

from cpython.array cimport array, clone
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy

cdef array INTS = array("i")
cdef array LONGS = array("q")
cdef array SHORTS = array("H")


cdef struct Key:
    uint64_t high
    uint64_t low


cdef inline uint64_t _hash(Key key) noexcept nogil:
    cdef uint64_t mixed = (key.high ^ (key.low * <uint64_t> 0x9E3779B97F4A7C15)) * <uint64_t> 0xBF58476D1CE4E5B9
    return mixed ^ (mixed >> 31)


cdef struct Table:
    Key* keys  # by combination
    int64_t* firsts
    uint16_t* faults
    int32_t* slots  # combination + 1; 0 is free
    Py_ssize_t count, room  # room is a power of two; twice as many slots


cdef bint _grow_table(Table* table) noexcept nogil:
    cdef Py_ssize_t room = 2 * table.room if table.room else 256
    cdef Py_ssize_t i
    cdef uint64_t at
    cdef void* moved
    moved = realloc(table.keys, <size_t> room * sizeof(Key))
    if moved == NULL:
        return False
    table.keys = <Key*> moved
    moved = realloc(table.firsts, <size_t> room * sizeof(int64_t))
    if moved == NULL:
        return False
    table.firsts = <int64_t*> moved
    moved = realloc(table.faults, <size_t> room * sizeof(uint16_t))
    if moved == NULL:
        return False
    table.faults = <uint16_t*> moved
    moved = calloc(<size_t> (2 * room), sizeof(int32_t))
    if moved == NULL:
        return False
    free(table.slots)
    table.slots = <int32_t*> moved
    table.room = room
    for i in range(table.count):
        at = _hash(table.keys[i]) & <uint64_t> (2 * room - 1)
        while table.slots[at]:
            at = (at + 1) & <uint64_t> (2 * room - 1)
        table.slots[at] = <int32_t> (i + 1)
    return True


cdef Py_ssize_t _place(Table* table, Key key, Py_ssize_t point) noexcept nogil:
    """The number of a combination, which is new at its first point; -1 without memory."""
    cdef uint64_t at
    cdef int32_t found
    if table.count == table.room and not _grow_table(table):
        return -1
    at = _hash(key) & <uint64_t> (2 * table.room - 1)
    while True:
        found = table.slots[at]
        if found == 0:
            break
        if table.keys[found - 1].high == key.high and table.keys[found - 1].low == key.low:
            return found - 1
        at = (at + 1) & <uint64_t> (2 * table.room - 1)
    table.keys[table.count] = key
    table.firsts[table.count] = point
    table.faults[table.count] = 0
    table.count += 1
    table.slots[at] = <int32_t> table.count
    return table.count - 1


def combinations(
    const int32_t[::1] owner,
    const int32_t[::1] resource,
    const int32_t[::1] metric,
    const int32_t[::1] attributes,
    const uint8_t[::1] fault,
):
    cdef Py_ssize_t n = owner.shape[0]
    cdef Py_ssize_t i, place = 0
    cdef Table table
    cdef Key key
    cdef array places, firsts, faults
    if not resource.shape[0] == metric.shape[0] == attributes.shape[0] == fault.shape[0] == n:
        raise ValueError("columns are not of one length")
    if n >= (1 << 31) - 1:
        raise ValueError(f"{n} points are too many for one pass")
    places = clone(INTS, n, zero=False)
    table.keys = NULL
    table.firsts = NULL
    table.faults = NULL
    table.slots = NULL
    table.count = 0
    table.room = 0
    try:
        with nogil:
            for i in range(n):
                key.high = (<uint64_t> <unsigned int> owner[i] << 32) | <unsigned int> resource[i]
                key.low = (<uint64_t> <unsigned int> metric[i] << 32) | <unsigned int> attributes[i]
                place = _place(&table, key, i)
                if place < 0:
                    break
                places.data.as_ints[i] = <int> place
                table.faults[place] |= <uint16_t> (1 << (fault[i] & 15))
        if place < 0:
            raise MemoryError
        firsts = clone(LONGS, table.count, zero=False)
        faults = clone(SHORTS, table.count, zero=False)
        if table.count:
            memcpy(firsts.data.as_voidptr, table.firsts, <size_t> table.count * sizeof(int64_t))
            memcpy(faults.data.as_voidptr, table.faults, <size_t> table.count * sizeof(uint16_t))
        return places, firsts, faults
    finally:
        free(table.keys)
        free(table.firsts)
        free(table.faults)
        free(table.slots)
