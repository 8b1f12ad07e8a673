# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sorting and hash tables for kernels whose keys are chosen by senders.

Items are put in order by three words, n log n whatever order they come in. A table numbers keys of three words in order of
arrival; its hash is seeded with a secret of the process, so that no sender may choose what collides.
"""

from os import urandom

from libc.stdint cimport INT32_MAX
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

cdef enum:
    RUN = 8  # items that are put in order by insertion before runs are merged

cdef uint64_t SEED[4]
SEED[:] = [int.from_bytes(urandom(8), "little") | 1 for _ in range(4)]  # no sender may choose what collides


cdef inline bint _less(const Item* one, const Item* other) noexcept nogil:
    if one.a != other.a:
        return one.a < other.a
    if one.b != other.b:
        return one.b < other.b
    return one.c < other.c


cdef void _insert(Item* items, int64_t n) noexcept nogil:
    cdef int64_t i, k
    cdef Item item
    for i in range(1, n):
        item = items[i]
        k = i
        while k > 0 and _less(&item, &items[k - 1]):
            items[k] = items[k - 1]
            k -= 1
        items[k] = item


cdef uint64_t sort_items(Item* items, Item* spare, int64_t n) noexcept nogil:
    """Merge sort, n log n whatever the order. Gives the number of items moved."""
    cdef int64_t start = 0, middle, end = 0, i, k, at, width = RUN
    cdef uint64_t work = n
    while start < n:
        _insert(items + start, min(<int64_t> RUN, n - start))
        start += RUN
    while width < n:
        end = 0
        while end + width < n:
            start = end
            middle = start + width
            end = min(middle + width, n)
            if not _less(&items[middle], &items[middle - 1]):
                continue
            work += end - start
            memcpy(spare, items + start, width * sizeof(Item))
            i = 0
            k = middle
            at = start
            while i < width and k < end:
                if _less(&items[k], &spare[i]):
                    items[at] = items[k]
                    k += 1
                else:
                    items[at] = spare[i]
                    i += 1
                at += 1
            if i < width:
                memcpy(items + at, spare + i, (width - i) * sizeof(Item))
        width *= 2
    return work


cdef uint64_t hash_of(uint64_t a, uint64_t b, uint64_t c) noexcept nogil:
    return greencloud_mix(greencloud_mix(a ^ SEED[0], b ^ SEED[1]) ^ c ^ SEED[2], SEED[3])


cdef int reset_table(Table* table, int64_t expected) noexcept nogil:
    cdef uint64_t slots = 16
    cdef void* moved
    while slots < 2 * <uint64_t> expected:
        slots *= 2
    if slots > table.slot_room:
        moved = realloc(table.slots, slots * sizeof(uint32_t))
        if moved == NULL:
            return NO_MEMORY
        table.slots = <uint32_t*> moved
        table.slot_room = slots
    memset(table.slots, 0, slots * sizeof(uint32_t))
    table.mask = slots - 1
    table.size = 0
    return FINE


cdef int _double(Table* table) noexcept nogil:
    cdef int64_t i, size = table.size
    cdef uint64_t at
    cdef const uint64_t* key
    if reset_table(table, table.mask + 1) != FINE:
        return NO_MEMORY
    table.size = size
    for i in range(size):
        key = &table.words[3 * i]
        at = hash_of(key[0], key[1], key[2]) & table.mask
        while table.slots[at] != 0:
            at = (at + 1) & table.mask
        table.slots[at] = <uint32_t> (i + 1)
    return FINE


cdef int64_t find_key(Table* table, uint64_t a, uint64_t b, uint64_t c, bint add) noexcept nogil:
    """The number of a key; a new one is added, or -1 where it is not to be. -2 without memory."""
    cdef uint64_t at
    cdef uint64_t* key
    cdef void* moved
    cdef int64_t room
    if add and 2 * <uint64_t> table.size > table.mask and _double(table) != FINE:
        return -2
    at = hash_of(a, b, c) & table.mask
    while table.slots[at] != 0:
        key = &table.words[3 * <int64_t> (table.slots[at] - 1)]
        if key[0] == a and key[1] == b and key[2] == c:
            return table.slots[at] - 1
        at = (at + 1) & table.mask
        table.probes += 1
    if not add:
        return -1
    if table.size == table.room:
        room = max(64, 2 * table.room)
        moved = realloc(table.words, 3 * room * sizeof(uint64_t)) if room < INT32_MAX else NULL
        if moved == NULL:
            return -2
        table.words = <uint64_t*> moved
        table.room = room
    key = &table.words[3 * table.size]
    key[0] = a
    key[1] = b
    key[2] = c
    table.size += 1
    table.slots[at] = <uint32_t> table.size
    return table.size - 1


cdef void free_table(Table* table) noexcept nogil:
    free(table.words)
    free(table.slots)
