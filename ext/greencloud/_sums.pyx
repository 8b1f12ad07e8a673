# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sums by group over dictionary-encoded columns, exact: the one query of a ledger, over columns that lie in memory or in a map.

A dimension is a column of codes below its size. The codes of a row in the dimensions asked for, read as the digits of one number,
name its group. Where that number may become large, groups are hashed by ``_tables``, seeded with a secret of the process.

Columns in a file may be changed under our hands, whatever was checked before; so each code is read once, compared with its size,
and used as it was read. Row ranges are compared with the number of rows before the loop. Sums are 128 bits wide: 2**63 rows of
int64 do not fill them.
"""

from libc.stdint cimport INT32_MAX, INT64_MAX
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from greencloud._tables cimport find_key, free_table, reset_table

cdef enum:
    FINE = 0
    NO_MEMORY = 1
    BAD_CODE = 2
    TOO_MANY = 3


cdef const int32_t* _codes(const int32_t[::1] view, int64_t rows) except? NULL:
    if view.shape[0] != rows:
        raise ValueError(f"a column of {view.shape[0]} codes among columns of {rows}")
    return &view[0] if rows > 0 else NULL


cdef const int64_t* _amounts(const int64_t[::1] view, int64_t rows) except? NULL:
    if view.shape[0] != rows:
        raise ValueError(f"a column of {view.shape[0]} amounts among columns of {rows}")
    return &view[0] if rows > 0 else NULL


cdef const uint8_t* _bytes(const uint8_t[::1] view, int64_t size) except? NULL:
    if view.shape[0] != size:
        raise ValueError(f"{view.shape[0]} bytes where there should be {size}")
    return &view[0] if size > 0 else NULL


cdef Py_ssize_t _dimension(object place, Py_ssize_t dimensions) except -1:
    cdef Py_ssize_t dimension = place
    if not 0 <= dimension < dimensions:
        raise ValueError(f"there is no dimension {dimension} among {dimensions}")
    return dimension


cdef object _integer(i128 value):
    cdef int64_t low = <int64_t> value
    if value == <i128> low:
        return low
    return (<int64_t> (value >> 64)) * (1 << 64) + <uint64_t> value


cdef int64_t _new_group(Job* job, uint64_t number) noexcept nogil:
    """Its place, -1 without memory, or -2 where there are as many as may be."""
    cdef int64_t room
    cdef void* moved
    if job.size >= job.most:
        return -2
    if job.size == job.room:
        room = max(64, 2 * job.room)
        if room > INT32_MAX:
            return -1
        moved = realloc(job.groups, room * sizeof(Group))
        if moved == NULL:
            return -1
        job.groups = <Group*> moved
        moved = realloc(job.sums, room * max(1, job.measured) * sizeof(i128))
        if moved == NULL:
            return -1
        job.sums = <i128*> moved
        job.room = room
    job.groups[job.size].number = number
    job.groups[job.size].flags = 0
    job.groups[job.size].posted = -INT64_MAX - 1
    memset(job.sums + job.size * job.measured, 0, job.measured * sizeof(i128))
    job.size += 1
    return job.size - 1


cdef int64_t _group_of(Job* job, uint64_t number) noexcept nogil:
    """The place of a group, which is made if there is none; -1 or -2 as before."""
    cdef int64_t place
    if job.dense != NULL:
        if job.dense[number] != 0:
            return <int64_t> job.dense[number] - 1
        place = _new_group(job, number)
        if place >= 0:
            job.dense[number] = <uint32_t> (place + 1)
        return place
    place = find_key(&job.table, number, 0, 0, True)
    if place == job.size:  # a new key has the next number, and so has a new group
        return _new_group(job, number)
    return max(place, <int64_t> -1)


cdef int _add(Job* job) noexcept nogil:
    cdef int64_t i, place
    cdef Py_ssize_t r, d, k
    cdef uint64_t number, code
    cdef bint kept
    cdef i128* sums
    for r in range(job.ranges):
        for i in range(job.bounds[2 * r], job.bounds[2 * r + 1]):
            kept = True
            for d in range(job.masked):
                code = <uint32_t> job.mask_codes[d][i]
                if code >= job.mask_sizes[d]:
                    job.bad = i
                    return BAD_CODE
                if job.masks[d][code] == 0:
                    kept = False
                    break
            if not kept:
                continue
            number = 0
            for d in range(job.grouped):
                code = <uint32_t> job.codes[d][i]
                if code >= job.sizes[d]:
                    job.bad = i
                    return BAD_CODE
                number = number * job.sizes[d] + code
            place = _group_of(job, number)
            if place < 0:
                return NO_MEMORY if place == -1 else TOO_MANY
            job.groups[place].flags |= job.flags[i]
            job.groups[place].posted = max(job.groups[place].posted, job.posted[i])
            sums = job.sums + place * job.measured
            for k in range(job.measured):
                sums[k] += job.measures[k][i]
    return FINE


cdef list _answer(Job* job):
    cdef list found = []
    cdef int64_t place
    cdef Py_ssize_t d, k
    cdef uint64_t number
    cdef Group* group
    for place in range(job.size):
        group = &job.groups[place]
        number = group.number
        codes = [0] * job.grouped
        for d in range(job.grouped - 1, -1, -1):
            codes[d] = number % job.sizes[d]
            number //= job.sizes[d]
        amounts = tuple([_integer(job.sums[place * job.measured + k]) for k in range(job.measured)])
        found.append((tuple(codes), group.flags, group.posted, amounts))
    return found


cdef class Columns:
    def __cinit__(self, codes, sizes, measures, flags, posted):
        cdef Py_ssize_t d
        self.dimensions = len(codes)
        self.measured = len(measures)
        if self.dimensions > MOST or self.measured > MOST:
            raise ValueError(f"{self.dimensions} dimensions and {self.measured} measures: at most {MOST} of each")
        if len(sizes) != self.dimensions:
            raise ValueError(f"{self.dimensions} dimensions need as many sizes, not {len(sizes)}")
        # Views of our own, which nobody else can release: the pointers are good as long as these are held.
        self._held = [memoryview(column) for column in (*codes, *measures, flags, posted)]
        self.rows = len(self._held[self.dimensions + self.measured])
        for d in range(self.dimensions):
            if not 0 <= sizes[d] <= INT32_MAX:
                raise ValueError(f"dimension {d} has a size of {sizes[d]}")
            self.sizes[d] = sizes[d]
            self.codes[d] = _codes(self._held[d], self.rows)
        for d in range(self.measured):
            self.measures[d] = _amounts(self._held[self.dimensions + d], self.rows)
        self.flags = _bytes(self._held[self.dimensions + self.measured], self.rows)
        self.posted = _amounts(self._held[self.dimensions + self.measured + 1], self.rows)

    def sums(self, by, masks, const int64_t[::1] bounds, int64_t most=INT32_MAX):
        cdef Job job
        cdef Py_ssize_t d, dimension
        cdef uint64_t space = 1, widest = INT64_MAX
        cdef int64_t before = 0
        cdef int status = NO_MEMORY
        memset(&job, 0, sizeof(Job))
        job.grouped = len(by)
        job.masked = len(masks)
        job.ranges = bounds.shape[0] // 2
        job.measured = self.measured
        job.most = most
        if job.grouped > MOST or job.masked > MOST:
            raise ValueError(f"{job.grouped} dimensions and {job.masked} masks: at most {MOST} of each")
        for d in range(job.grouped):
            dimension = _dimension(by[d], self.dimensions)
            job.codes[d] = self.codes[dimension]
            job.sizes[d] = self.sizes[dimension]
            if self.sizes[dimension] != 0 and space > widest // self.sizes[dimension]:
                raise OverflowError("more combinations of values than a 64-bit number can name")
            space *= self.sizes[dimension]
        for d in range(job.masked):
            dimension = _dimension(masks[d][0], self.dimensions)
            job.mask_codes[d] = self.codes[dimension]
            job.mask_sizes[d] = self.sizes[dimension]
            job.masks[d] = _bytes(masks[d][1], <int64_t> self.sizes[dimension])
        if bounds.shape[0] % 2 != 0:
            raise ValueError(f"{bounds.shape[0]} bounds do not make pairs")
        for d in range(bounds.shape[0]):
            if bounds[d] < before or bounds[d] > self.rows:
                raise ValueError(f"bound {bounds[d]} at index {d} is not between {before} and {self.rows}")
            before = bounds[d]
        job.bounds = &bounds[0] if job.ranges > 0 else NULL
        job.flags = self.flags
        job.posted = self.posted
        for d in range(self.measured):
            job.measures[d] = self.measures[d]
        try:
            if space <= DENSE:
                job.dense = <uint32_t*> calloc(space + 1, sizeof(uint32_t))
                if job.dense != NULL:
                    status = FINE
            else:
                status = reset_table(&job.table, 64)
            if status == FINE:
                with nogil:
                    status = _add(&job)
            if status == NO_MEMORY:
                raise MemoryError
            if status == TOO_MANY:
                raise OverflowError(f"more than {most} combinations of values occur")
            if status == BAD_CODE:
                raise ValueError(f"row {job.bad} has a code that its dimension does not have")
            return _answer(&job)
        finally:
            free(job.dense)
            free_table(&job.table)
            free(job.groups)
            free(job.sums)
