# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Leaves of a Merkle sum tree, and the levels above them (``proof/hashes.py`` and ``proof/draws.py`` say what they are).

Amounts, text, cuts and order are computed here; every hash is a call of ``hashlib``, which is most of the time that is left. An
entry is 144 bytes: a hash, and seven sums of 16 bytes, big-endian. The leaves of account k are entries k * shares to
(k + 1) * shares, padding follows, and ``sort`` finds the order of all of them.
"""

from hashlib import sha256, shake_256

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.long cimport PyLong_CheckExact
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memset

from greencloud._apportion cimport u128

cdef extern from *:
    """
    #define greencloud_swap(x) __builtin_bswap64(x)
    """
    uint64_t greencloud_swap(uint64_t x) noexcept nogil
    # The value, and whether it is none: negative, or above 63 bits.
    long long PyLong_AsLongLongAndOverflow(object value, int* overflow) except? -1

cdef enum:
    MEASURES = 7
    HASH = 32
    SUMS = 112
    ENTRY = 144
    SALT = 16
    BLINDING = 32
    CUT = 168        # 192 bits a measure
    NAME = 16
    HEAD = 28        # name hash, offset, length
    TEXT = 400       # seven numbers of at most 29 digits, with what is around them

cdef struct Key:
    uint64_t prefix
    uint32_t index
    const uint8_t* entry


cdef int _compared(const void* one, const void* other) noexcept nogil:
    cdef const Key* a = <const Key*> one
    cdef const Key* b = <const Key*> other
    if a.prefix != b.prefix:
        return -1 if a.prefix < b.prefix else 1
    return memcmp(a.entry, b.entry, NAME)


cdef inline uint64_t _read(const uint8_t* at) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return greencloud_swap(word)


cdef inline void _write(uint8_t* at, uint64_t word) noexcept nogil:
    word = greencloud_swap(word)
    memcpy(at, &word, 8)


cdef inline void _write_lane(uint8_t* at, u128 amount) noexcept nogil:
    _write(at, <uint64_t> (amount >> 64))
    _write(at + 8, <uint64_t> amount)


cdef inline u128 _read_lane(const uint8_t* at) noexcept nogil:
    return (<u128> _read(at) << 64) | _read(at + 8)


cdef Py_ssize_t _decimal(char* out, u128 amount) noexcept nogil:
    cdef char digits[40]
    cdef Py_ssize_t n = 0
    cdef Py_ssize_t k
    cdef uint64_t low
    while amount >> 64:
        digits[n] = 48 + <char> (amount % 10)
        amount = amount / 10
        n += 1
    low = <uint64_t> amount
    while low or not n:
        digits[n] = 48 + <char> (low % 10)
        low = low / 10
        n += 1
    for k in range(n):
        out[k] = digits[n - 1 - k]
    return n


cdef Py_ssize_t _decimals(char* out, const u128* amounts) noexcept nogil:
    """["1","2",...]"""
    cdef Py_ssize_t n = 0
    cdef int k
    for k in range(MEASURES):
        out[n] = b"," if k else b"["
        out[n + 1] = b'"'
        n += 2
        n += _decimal(out + n, amounts[k])
        out[n] = b'"'
        n += 1
    out[n] = b"]"
    return n + 1


cdef inline u128 _scaled(const uint8_t* random, u128 span) noexcept nogil:
    """random * span / 2**192, for 24 random bytes: below the span, which is at most 2**96."""
    cdef uint64_t limbs[3]
    cdef uint64_t low = <uint64_t> span
    cdef uint64_t high = <uint64_t> (span >> 64)
    cdef u128 carry = 0
    cdef u128 product
    cdef uint64_t first[4]
    cdef int k
    for k in range(3):
        limbs[k] = _read(random + 16 - 8 * k)
        product = <u128> limbs[k] * low + carry
        first[k] = <uint64_t> product
        carry = product >> 64
    first[3] = <uint64_t> carry
    carry = 0
    for k in range(3):
        product = <u128> limbs[k] * high + first[k + 1] + carry
        carry = product >> 64
    # The last limb of the product's second row is bits 192 to 255, its carry those above.
    return (carry << 64) | <uint64_t> product


cdef int _amounts_of(object given, u128* amounts) except -1:
    """Seven whole numbers in [0, 2**96)."""
    cdef int k, overflow
    cdef long long value
    cdef const uint8_t* wide
    if type(given) is not tuple or len(<tuple> given) != MEASURES:
        raise ValueError("not seven amounts")
    for k in range(MEASURES):
        amount = (<tuple> given)[k]
        if not PyLong_CheckExact(amount):
            raise ValueError("not a whole number")
        value = PyLong_AsLongLongAndOverflow(amount, &overflow)
        if overflow == 0:
            if value < 0:
                raise ValueError("negative")
            amounts[k] = <u128> value
            continue
        if overflow < 0 or amount >> 96:
            raise ValueError("negative or too large")
        as_bytes = amount.to_bytes(16, "big")
        wide = <const uint8_t*> PyBytes_AS_STRING(as_bytes)
        amounts[k] = _read_lane(wide)
    return 0


cdef class LeafTable:
    """Leaves of all accounts, in the order in which they come, then in that of their hashes."""

    cdef uint8_t* entries
    cdef Key* keys
    cdef Py_ssize_t room, number
    cdef readonly Py_ssize_t accounts
    cdef readonly Py_ssize_t filled  # accounts with amounts
    cdef int shares
    cdef bytes secret, period

    def __cinit__(self, bytes secret, bytes period, int shares):
        """``period`` is canonical text."""
        self.secret = secret
        self.period = b',"period":' + period + b',"totals":'
        self.shares = shares

    def __dealloc__(self):
        free(self.entries)
        free(self.keys)

    def __len__(self):
        return self.number

    cdef uint8_t* _more(self, Py_ssize_t count) except NULL:
        cdef uint8_t* grown
        cdef Py_ssize_t room
        if self.number + count > self.room:
            room = max(self.number + count, self.room + self.room // 2, 1024)
            grown = <uint8_t*> realloc(self.entries, room * ENTRY)
            if not grown:
                raise MemoryError
            self.entries = grown
            self.room = room
        self.number += count
        return self.entries + (self.number - count) * ENTRY

    def add(self, bytes account, bytes name, list lines):
        """The leaves of one account: its name in UTF-8 and as canonical text, its lines as (amounts, text of dimensions).

        Returns the record of the account. Raises ValueError for amounts that cannot be closed, before anything is added.
        """
        cdef u128 amounts[MEASURES]
        cdef u128 totals[MEASURES]
        cdef char text[TEXT]
        cdef Py_ssize_t n = len(lines)
        cdef Py_ssize_t cuts = BLINDING + CUT * (self.shares - 1)
        cdef Py_ssize_t size, k, m
        cdef const char* stream
        cdef char* out
        cdef bytes drawn, content, told
        memset(totals, 0, sizeof(totals))
        texts = []
        for given, dimensions in lines:
            _amounts_of(given, amounts)
            for m in range(MEASURES):
                totals[m] += amounts[m]
            size = _decimals(text, amounts)
            texts.append(b'{"amounts":' + PyBytes_FromStringAndSize(text, size) + b',"dimensions":' + <bytes> dimensions)
        for m in range(MEASURES):
            if totals[m] >> 96:
                raise ValueError("totals too large")
        texts.sort()
        drawn = shake_256(self.secret + b"account 0 " + account).digest(cuts + SALT * (self.shares + n))
        stream = PyBytes_AS_STRING(drawn)
        size = _decimals(text, totals)
        told = b'{"account":' + name + b',"lines":%d' % n + self.period + PyBytes_FromStringAndSize(text, size) + b"}"
        size = 1 + BLINDING + PyBytes_GET_SIZE(told)
        content = PyBytes_FromStringAndSize(NULL, size + HASH * n)
        out = PyBytes_AS_STRING(content)
        out[0] = 3
        memcpy(out + 1, stream, BLINDING)
        memcpy(out + 1 + BLINDING, PyBytes_AS_STRING(told), PyBytes_GET_SIZE(told))
        for k in range(n):
            line = sha256(b"\2" + stream[cuts + SALT * (self.shares + k):cuts + SALT * (self.shares + k + 1)] + texts[k]).digest()
            memcpy(out + size + HASH * k, PyBytes_AS_STRING(line), HASH)
        self._leaves(stream, cuts, totals, sha256(content).digest())
        return b'{"account":' + name + b',"lines":[' + b",".join(texts) + b"]}"

    cdef int _leaves(self, const char* stream, Py_ssize_t cuts, const u128* totals, bytes digest) except -1:
        cdef Py_ssize_t shares = self.shares
        cdef uint8_t* entry = self._more(shares)
        cdef u128* points = <u128*> malloc((shares + 1) * sizeof(u128))
        cdef Py_ssize_t k, at
        cdef int m
        cdef u128 point, lowest, span
        cdef bint filled = False
        cdef uint8_t* out
        cdef bytes content
        if not points:
            raise MemoryError
        try:
            for m in range(MEASURES):
                filled |= totals[m] > 0
                lowest = 1 if totals[m] > 1 else 0
                span = totals[m] - 1 if totals[m] > 1 else totals[m] + 1
                points[0] = 0
                for k in range(1, shares):
                    point = lowest + _scaled(<const uint8_t*> stream + BLINDING + CUT * (k - 1) + 24 * m, span)
                    at = k
                    while points[at - 1] > point:
                        points[at] = points[at - 1]
                        at -= 1
                    points[at] = point
                points[shares] = totals[m]
                for k in range(shares):
                    _write_lane(entry + ENTRY * k + HASH + 16 * m, points[k + 1] - points[k])
        finally:
            free(points)
        self.filled += filled
        self.accounts += 1
        for k in range(shares):
            content = PyBytes_FromStringAndSize(NULL, 1 + SALT + HASH + 2 + SUMS)
            out = <uint8_t*> PyBytes_AS_STRING(content)
            out[0] = 0
            memcpy(out + 1, stream + cuts + SALT * k, SALT)
            memcpy(out + 1 + SALT, PyBytes_AS_STRING(digest), HASH)
            out[1 + SALT + HASH] = <uint8_t> k
            out[2 + SALT + HASH] = <uint8_t> shares
            memcpy(out + 3 + SALT + HASH, entry + ENTRY * k + HASH, SUMS)
            found = sha256(content).digest()
            memcpy(entry + ENTRY * k, PyBytes_AS_STRING(found), HASH)
        return 0

    def put(self, Py_ssize_t index, bytes entry):
        """One entry more, or another one in the place of entry ``index``."""
        if PyBytes_GET_SIZE(entry) != ENTRY or not 0 <= index <= self.number:
            raise ValueError("no entry, or no place")
        if index == self.number:
            self._more(1)
        memcpy(self.entries + index * ENTRY, PyBytes_AS_STRING(entry), ENTRY)

    def sort(self):
        """Put all leaves in the order of their hashes."""
        cdef Py_ssize_t k
        free(self.keys)
        self.keys = <Key*> malloc(self.number * sizeof(Key))
        if not self.keys:
            raise MemoryError
        with nogil:
            for k in range(self.number):
                self.keys[k].entry = self.entries + k * ENTRY
                self.keys[k].prefix = _read(self.keys[k].entry)
                self.keys[k].index = <uint32_t> k
            qsort(self.keys, self.number, sizeof(Key), _compared)

    cdef bint _empty(self, Py_ssize_t index) noexcept:
        cdef const uint8_t* at = self.entries + index * ENTRY + HASH
        return at[0] == 0 and memcmp(at, at + 1, SUMS - 1) == 0

    def alone(self):
        """Accounts of which all amounts are in one node, with nobody else's; those with one leaf that has amounts aside.

        Their leaves follow one another among those with amounts, so runs of one owner are looked at.
        """
        cdef Py_ssize_t before = -1
        cdef Py_ssize_t first = -1
        cdef Py_ssize_t last = -1
        cdef Py_ssize_t owner = -1
        cdef Py_ssize_t run = 0
        cdef Py_ssize_t at, own
        found = []
        for at in range(self.number):
            if self._empty(self.keys[at].index):
                continue
            own = self.keys[at].index // self.shares
            if own != owner:
                if run > 1 and self._whole(owner, run, before, first, last, at):
                    found.append(owner)
                before = last
                owner, first, run = own, at, 0
            run += 1
            last = at
        if run > 1 and self._whole(owner, run, before, first, last, self.number):
            found.append(owner)
        return found

    cdef bint _whole(self, Py_ssize_t owner, Py_ssize_t run, Py_ssize_t before, Py_ssize_t first, Py_ssize_t last,
                     Py_ssize_t after) noexcept:
        cdef int level = 0
        cdef Py_ssize_t k
        while first >> level != last >> level:
            level += 1
        if (before >= 0 and before >> level == first >> level) or (after < self.number and after >> level == first >> level):
            return False
        for k in range(owner * self.shares, (owner + 1) * self.shares):
            run -= not self._empty(k)
        return run == 0

    def level(self, Py_ssize_t start, Py_ssize_t stop):
        """Entries of the leaves from ``start`` to ``stop``, in order."""
        cdef Py_ssize_t k
        cdef bytes content
        cdef char* out
        if not 0 <= start <= stop <= self.number:
            raise ValueError("no such leaves")
        content = PyBytes_FromStringAndSize(NULL, (stop - start) * ENTRY)
        out = PyBytes_AS_STRING(content)
        for k in range(start, stop):
            memcpy(out + (k - start) * ENTRY, self.keys[k].entry, ENTRY)
        return content

    def rows(self, const uint8_t[::1] heads, dict draws):
        """Rows of all accounts in the order of their heads (28 bytes each): head, draw number, positions."""
        cdef Py_ssize_t size = HEAD + 1 + 4 * self.shares
        cdef Py_ssize_t k, m, owner
        cdef uint32_t* positions = <uint32_t*> malloc(self.number * sizeof(uint32_t))
        cdef Key* keys = <Key*> malloc((self.accounts + 1) * sizeof(Key))
        cdef bytes content
        cdef uint8_t* out
        cdef uint32_t place
        try:
            if not positions or not keys:
                raise MemoryError
            if heads.shape[0] != self.accounts * HEAD:
                raise ValueError("not a head for each account")
            for k in range(self.number):
                positions[self.keys[k].index] = <uint32_t> k
            for k in range(self.accounts):
                keys[k].entry = &heads[k * HEAD]
                keys[k].prefix = _read(keys[k].entry)
                keys[k].index = <uint32_t> k
            qsort(keys, self.accounts, sizeof(Key), _compared)
            content = PyBytes_FromStringAndSize(NULL, self.accounts * size)
            out = <uint8_t*> PyBytes_AS_STRING(content)
            for k in range(self.accounts):
                owner = keys[k].index
                memcpy(out, keys[k].entry, HEAD)
                out[HEAD] = 0
                for m in range(self.shares):
                    place = positions[owner * self.shares + m]
                    out[HEAD + 1 + 4 * m] = <uint8_t> (place >> 24)
                    out[HEAD + 2 + 4 * m] = <uint8_t> (place >> 16)
                    out[HEAD + 3 + 4 * m] = <uint8_t> (place >> 8)
                    out[HEAD + 4 + 4 * m] = <uint8_t> place
                if draws and owner in draws:
                    out[HEAD] = <uint8_t> draws[owner]
                out += size
            return content
        finally:
            free(positions)
            free(keys)


def parents(const uint8_t[::1] level):
    """The entries of the level above, of an even number of entries of our own, whose sums fit."""
    cdef Py_ssize_t pairs = level.shape[0] // (2 * ENTRY)
    cdef Py_ssize_t k
    cdef int m
    cdef const uint8_t* pair
    cdef uint8_t* out
    cdef char* whole
    cdef bytes content, found
    if level.shape[0] != 2 * ENTRY * pairs or not pairs:
        raise ValueError("not pairs of entries")
    content = PyBytes_FromStringAndSize(NULL, pairs * ENTRY)
    out = <uint8_t*> PyBytes_AS_STRING(content)
    for k in range(pairs):
        pair = &level[k * 2 * ENTRY]
        node = PyBytes_FromStringAndSize(NULL, 1 + 2 * ENTRY)
        whole = PyBytes_AS_STRING(node)
        whole[0] = 1
        memcpy(whole + 1, pair, 2 * ENTRY)
        found = sha256(node).digest()
        memcpy(out, PyBytes_AS_STRING(found), HASH)
        for m in range(MEASURES):
            _write_lane(out + HASH + 16 * m, _read_lane(pair + HASH + 16 * m) + _read_lane(pair + ENTRY + HASH + 16 * m))
        out += ENTRY
    return content
