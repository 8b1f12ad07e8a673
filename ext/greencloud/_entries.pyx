# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Growing sums by key: for each some int64 amounts, a mask of flags and a count.

The amounts lie in one block of C, a row for each key, because a window adds up the parts of some hundred thousand leaves. A sum
beyond int64 is noted (``full``) and not stored, so that nothing wraps around; a count stays at the largest int64.
"""

from cpython.array cimport array, clone
from cpython.dict cimport PyDict_GetItem
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset


cdef extern from *:
    """
    #define greencloud_entry_overflow(a, b, sum) __builtin_add_overflow((int64_t)(a), (int64_t)(b), (sum))
    """
    bint greencloud_entry_overflow(int64_t a, int64_t b, int64_t* sum) noexcept nogil


cdef array EMPTY = array("q")

cdef enum:
    NAMES = 5  # of a leaf, before the component
    OPERATIONS = 6
    FLAGS = 7
    LEAF = 8


cdef class EntrySums:
    cdef dict _slots
    cdef list _keys
    cdef int64_t* _amounts
    cdef int64_t* _marks
    cdef int64_t* _counts
    cdef Py_ssize_t _lines
    cdef Py_ssize_t _capacity
    cdef readonly Py_ssize_t full

    def __cinit__(self, Py_ssize_t lines):
        if lines < 1:
            raise ValueError(f"sums of {lines} lines")
        self._slots = {}
        self._keys = []
        self._lines = lines
        self.full = -1

    def __dealloc__(self):
        free(self._amounts)
        free(self._marks)
        free(self._counts)

    def __len__(self):
        return len(self._keys)

    cdef Py_ssize_t _slot(self, object key) except -1:
        """The row of a key, made where there is none."""
        cdef PyObject* found = PyDict_GetItem(self._slots, key)
        cdef Py_ssize_t slot
        if found != NULL:
            return <Py_ssize_t> (<object> found)
        slot = len(self._keys)
        if slot == self._capacity:
            self._grow()
        self._slots[key] = slot
        self._keys.append(key)
        return slot

    cdef int _grow(self) except -1:
        cdef Py_ssize_t wanted = max(64, 2 * self._capacity)
        cdef void* fresh = realloc(self._amounts, wanted * self._lines * sizeof(int64_t))
        if fresh == NULL:
            raise MemoryError
        self._amounts = <int64_t*> fresh
        fresh = realloc(self._marks, wanted * sizeof(int64_t))
        if fresh == NULL:
            raise MemoryError
        self._marks = <int64_t*> fresh
        fresh = realloc(self._counts, wanted * sizeof(int64_t))
        if fresh == NULL:
            raise MemoryError
        self._counts = <int64_t*> fresh
        memset(self._amounts + self._capacity * self._lines, 0, (wanted - self._capacity) * self._lines * sizeof(int64_t))
        memset(self._marks + self._capacity, 0, (wanted - self._capacity) * sizeof(int64_t))
        memset(self._counts + self._capacity, 0, (wanted - self._capacity) * sizeof(int64_t))
        self._capacity = wanted
        return 0

    cdef inline void _add(self, Py_ssize_t slot, Py_ssize_t line, int64_t amount) noexcept:
        cdef int64_t* held = self._amounts + slot * self._lines + line
        cdef int64_t more
        if greencloud_entry_overflow(held[0], amount, &more):
            if self.full < 0 or line < self.full:
                self.full = line
        else:
            held[0] = more

    cdef inline int _count(self, Py_ssize_t slot, object count) except -1:
        cdef int64_t more = INT64_MAX if count > INT64_MAX else count
        if more < 0:
            raise ValueError(f"count {count} is negative")
        self._counts[slot] = INT64_MAX if self._counts[slot] > INT64_MAX - more else self._counts[slot] + more
        return 0

    def add(self, key, amounts, int64_t mask=0, count=0):
        cdef Py_ssize_t line, slot
        cdef array given = amounts if isinstance(amounts, array) else array("q", amounts)
        cdef int64_t[::1] items = given
        cdef bint any_of = False
        if items.shape[0] != self._lines:
            raise ValueError(f"{items.shape[0]} amounts, not {self._lines}")
        for line in range(self._lines):
            any_of = any_of or items[line] != 0
        if not any_of and not count:
            return
        slot = self._slot(key)
        for line in range(self._lines):
            self._add(slot, line, items[line])
        self._marks[slot] |= mask
        if count:
            self._count(slot, count)

    def add_leaves(
        self,
        list leaves not None,
        const int64_t[::1] claims,
        list components not None,
        const int64_t[::1] masks,
        const int64_t[::1] counted,
        const int64_t[:, ::1] parts,
        Py_ssize_t first,
        mask_of,
    ):
        cdef Py_ssize_t n = parts.shape[1]
        cdef Py_ssize_t lines = parts.shape[0]
        cdef Py_ssize_t i, k, slot
        cdef int64_t claim, any_of, mask
        cdef tuple leaf, key
        cdef object operations, flags
        if len(leaves) != n or claims.shape[0] != n:
            raise ValueError(f"{n} parts need {n} leaves and claims, not {len(leaves)} and {claims.shape[0]}")
        if masks.shape[0] != len(components) or counted.shape[0] != len(components):
            raise ValueError(f"{len(components)} components need as many masks and marks of what is counted")
        if first < 0 or first + lines > self._lines:
            raise ValueError(f"{lines} lines from {first} on are more than {self._lines}")
        for i in range(n):
            if claims[i] < 0 or claims[i] >= masks.shape[0]:
                raise ValueError(f"claim {claims[i]} at index {i} is not among {masks.shape[0]}")
            if not isinstance(leaves[i], tuple) or PyTuple_GET_SIZE(<tuple> leaves[i]) != LEAF:
                raise ValueError(f"what is at index {i} is no leaf")
        for i in range(n):
            claim = claims[i]
            leaf = <tuple> leaves[i]
            any_of = 0
            for k in range(lines):
                any_of |= parts[k, i]
            operations = <object> PyTuple_GET_ITEM(leaf, OPERATIONS) if counted[claim] else None
            if any_of == 0 and not operations:
                continue
            key = (
                <object> PyTuple_GET_ITEM(leaf, 0),
                <object> PyTuple_GET_ITEM(leaf, 1),
                <object> PyTuple_GET_ITEM(leaf, 2),
                <object> PyTuple_GET_ITEM(leaf, 3),
                <object> PyTuple_GET_ITEM(leaf, 4),
                components[claim],
            )
            slot = self._slot(key)
            for k in range(lines):
                if parts[k, i]:
                    self._add(slot, first + k, parts[k, i])
            mask = masks[claim]
            flags = <object> PyTuple_GET_ITEM(leaf, FLAGS)
            if flags:
                mask |= <int64_t> mask_of[flags]
            self._marks[slot] |= mask
            if operations:
                self._count(slot, operations)

    def keys(self):
        return list(self._keys)

    def amounts_of(self, key):
        cdef Py_ssize_t slot = self._slots[key]
        cdef Py_ssize_t line
        return [self._amounts[slot * self._lines + line] for line in range(self._lines)]

    def mask_of(self, key):
        return self._marks[<Py_ssize_t> self._slots[key]]

    def count_of(self, key):
        return self._counts[<Py_ssize_t> self._slots[key]]

    def line(self, Py_ssize_t line):
        if not 0 <= line < self._lines:
            raise ValueError(f"line {line} is not among {self._lines}")
        return self._column(self._amounts + line if self._keys else NULL, self._lines)

    def masks(self):
        return self._column(self._marks, 1)

    def counts(self):
        return self._column(self._counts, 1)

    cdef array _column(self, const int64_t* first, Py_ssize_t step):
        """Of every key, in order, what lies so many items apart."""
        cdef Py_ssize_t i
        cdef array found = clone(EMPTY, len(self._keys), False)
        cdef int64_t[::1] out = found
        for i in range(out.shape[0]):
            out[i] = first[i * step]
        return found
