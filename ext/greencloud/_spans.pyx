# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The span kernel: columns of spans to sums by window, place, operation, caller and quality.

Everything that one span needs to know of another (its copies, its children, its ancestors) is in the same trace. So spans are
dealt into buckets by a hash of their trace id, some ten thousand to a bucket, gathered into records, put in order of trace, and
each trace is worked at in the first cache:

    distinct    sorted by (span id, account, start): copies are neighbours, the longest wins, then the smallest
    judged      amounts that its attributes give, within what its time allows
    united      children sorted by (parent, process, start), made into disjoint intervals with their running length, so that
                what they cover of any window is the difference of two binary searches
    claimed     in traces that hold internal services: who has which id in which hour, and from there the nearest ancestor
    weighed     cut at windows and added to the row

Nothing is quadratic, whatever a sender does: sorts merge, hash tables are seeded with a secret, walks end where one was before.
Results are a function of the set of spans: sums of integers, minima, and rows in canonical order.
"""

from array import array

from cpython.array cimport array as c_array, clone
from libc.stdint cimport INT32_MAX, INT64_MAX
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from greencloud._tables cimport FINE, Item, NO_MEMORY, Table, find_key, free_table, hash_of, reset_table, sort_items

cdef enum:
    REMOTE_PARENT = 1
    GIVEN = 2  # and the three bits above it: given as an integer, by measure
    ODD = 32  # likewise: given, but no integer
    CPU = 1  # the bit of the first measure

# What is noted of spans: 1 to 8 are the decoder's faults, 9 and 10 those of the account.
cdef enum:
    CONTRADICTION = 11
    REUSED = 12
    BAD_AMOUNT = 13  # and the three after it, by measure
    BAD_CALLER = 17
    CUT_NAME = 18

cdef enum:
    ESTIMATED = 0  # qualities in the order of their names
    EXACT = 1
    MEASURED = 2

cdef enum:
    BUCKET = 1 << 13
    AHEAD = 8
    MAX_CPUS = 4096
    MAX_BYTES_PER_NS = 1 << 16  # 64 TiB held, or 65 TB/s moved: beyond any one process
    CLOCK_NS = 1000  # a span shorter than its clock's step has used something all the same

cdef uint64_t LOW = 0xFFFFFFFF  # the bits of an operation in its word
cdef uint64_t HOUR_NS = 3_600_000_000_000
cdef uint64_t MAX_SPAN_NS = 7 * 86_400 * <uint64_t> 1_000_000_000
cdef uint64_t LATEST_NS = 7_258_118_400 * <uint64_t> 1_000_000_000  # 2200-01-01
cdef uint64_t MOST[MEASURES]
MOST[:] = [MAX_CPUS, MAX_BYTES_PER_NS, MAX_BYTES_PER_NS, MAX_CPUS]


def pairs_of(const int32_t[::1] owner, const int32_t[::1] resource):
    cdef Py_ssize_t i, n = owner.shape[0]
    if resource.shape[0] != n:
        raise ValueError(f"{n} owners and {resource.shape[0]} resources")
    cdef c_array pair = clone(array("i"), n, False)
    cdef int32_t[::1] out = pair
    cdef Table table
    cdef int64_t found = 0
    memset(&table, 0, sizeof(Table))
    try:
        with nogil:
            found = reset_table(&table, 16)
            for i in range(n):
                if found < 0:
                    break
                if i == 0 or owner[i] != owner[i - 1] or resource[i] != resource[i - 1]:
                    found = find_key(&table, <uint32_t> owner[i], <uint32_t> resource[i], 0, True)
                out[i] = <int32_t> found
        if found < 0 or table.slots == NULL:
            raise MemoryError
        owners = array("i", [<int32_t> table.words[3 * i] for i in range(table.size)])
        resources = array("i", [<int32_t> table.words[3 * i + 1] for i in range(table.size)])
    finally:
        free_table(&table)
    return pair, owners, resources


cdef class Weighing:
    def __cinit__(
        self, spans, pair, *, pair_account, pair_process, pair_place, pair_identity, pair_internal, pair_fault, name_order,
        name_operation, name_cut, caller_order, caller_account, place_order, place_labels, place_bound, place_other,
        int32_t other_operation, int64_t most_rows, int64_t most_sum, uint64_t window_ns, uint64_t first_ns, uint64_t until_ns,
    ):
        self.pair = pair
        self.n = self.pair.shape[0]
        self.name = spans.name
        self.caller = spans.caller
        self.trace_id = spans.trace_id
        self.span_id = spans.span_id
        self.parent_id = spans.parent_id
        self.start = spans.start_ns
        self.end = spans.end_ns
        self.cpu = spans.cpu_ns
        self.memory = spans.memory_byte_s
        self.io = spans.io_bytes
        self.gpu = spans.gpu_ns
        self.quality = spans.quality
        self.marks = spans.marks
        self.fault = spans.fault
        self.pair_account = pair_account
        self.pair_process = pair_process
        self.pair_place = pair_place
        self.pair_identity = pair_identity
        self.pair_internal = pair_internal
        self.pair_fault = pair_fault
        self.name_order = name_order
        self.name_operation = name_operation
        self.name_cut = name_cut
        self.caller_order = caller_order
        self.caller_account = caller_account
        self.place_order = place_order
        self.place_labels = place_labels
        self.place_bound = place_bound
        self.place_other = place_other
        self.other_operation = other_operation
        self.most_rows = most_rows
        self.most_sum = most_sum
        self.window_ns = window_ns
        if window_ns == 0 or HOUR_NS % window_ns != 0:
            raise ValueError(f"windows of {window_ns} ns do not divide the hour")
        if other_operation < 0 or most_rows < 1 or most_sum < 1 or most_sum == INT64_MAX:
            raise ValueError(f"operation {other_operation}, {most_rows} rows and a sum of {most_sum}")
        self.first_window = first_ns // window_ns + (first_ns % window_ns != 0)
        self.until_window = until_ns // window_ns + (until_ns % window_ns != 0)
        self.first_ns = _at_most_64_bits(<u128> self.first_window * <u128> window_ns)
        self.until_ns = _at_most_64_bits(<u128> self.until_window * <u128> window_ns)
        self.check()
        self.seen = <uint8_t*> calloc(self.pair_account.shape[0] + 1, 1)
        self.crowded = <uint8_t*> calloc(self.place_bound.shape[0] + 1, 1)
        if self.seen == NULL or self.crowded == NULL:
            raise MemoryError
        cdef int status
        with nogil:
            status = self.run()
        if status != FINE:
            raise MemoryError
        self.write()

    def __dealloc__(self):
        free(self.spans)
        free(self.items)
        free(self.kids)
        free(self.spare)
        free(self.before)
        free(self.trace_of)
        free(self.bounds)
        free(self.used)
        free(self.claim)
        free(self.sums)
        free(self.seen)
        free(self.crowded)
        free_table(&self.traces)
        free_table(&self.claims)
        free_table(&self.rows)
        free_table(&self.told)

    cdef void check(self) except *:
        """Every index and time, before any loop trusts it."""
        cdef Py_ssize_t n = self.n, i, bad = -1
        cdef Py_ssize_t pairs = self.pair_account.shape[0]
        cdef Py_ssize_t names = self.name_order.shape[0]
        cdef Py_ssize_t callers = self.caller_order.shape[0]
        cdef Py_ssize_t places = self.place_order.shape[0]
        lengths = {
            self.name.shape[0], self.caller.shape[0], self.span_id.shape[0], self.parent_id.shape[0], self.start.shape[0],
            self.end.shape[0], self.cpu.shape[0], self.memory.shape[0], self.io.shape[0], self.gpu.shape[0],
            self.quality.shape[0], self.marks.shape[0], self.fault.shape[0],
        }
        if lengths != {n} or self.trace_id.shape[0] != 16 * n or n >= INT32_MAX:
            raise ValueError(f"columns of {n} spans differ in length, or are more than 31 bits count: {sorted(lengths)}")
        if {
            self.pair_process.shape[0], self.pair_place.shape[0], self.pair_identity.shape[0], self.pair_internal.shape[0],
            self.pair_fault.shape[0],
        } != {pairs}:
            raise ValueError(f"columns of {pairs} pairs differ in length")
        if {self.name_operation.shape[0], self.name_cut.shape[0]} != {names} or self.caller_account.shape[0] != callers:
            raise ValueError(f"columns of {names} names or {callers} callers differ in length")
        if {self.place_labels.shape[0], self.place_bound.shape[0], self.place_other.shape[0]} != {places}:
            raise ValueError(f"columns of {places} places differ in length")
        for i in range(pairs):
            if (
                self.pair_account[i] < 0 or self.pair_process[i] < 0 or self.pair_fault[i] >= CONTRADICTION
                or not -1 <= self.pair_place[i] < places
            ):
                raise ValueError(f"pair {i} has an account, process, place or fault out of range")
        for i in range(names):
            if self.name_operation[i] < 0:
                raise ValueError(f"name {i} has operation {self.name_operation[i]}")
        for i in range(callers):
            if self.caller_account[i] < -1:
                raise ValueError(f"caller {i} has account {self.caller_account[i]}")
        for i in range(places):
            if (
                self.place_order[i] < 0 or not 0 <= self.place_labels[i] < 1 << 30 or self.place_bound[i] < 0
                or not 0 <= self.place_other[i] < places
            ):
                raise ValueError(f"place {i} has an order, labels, bound or other out of range")
        with nogil:
            for i in range(n):
                if (
                    self.pair[i] < 0 or self.pair[i] >= pairs or self.name[i] < 0 or self.name[i] >= names
                    or self.caller[i] < -1 or self.caller[i] >= callers or self.fault[i] >= 9
                ):
                    bad = i
                    break
                if self.fault[i] == 0 and (
                    self.end[i] < self.start[i] or self.end[i] - self.start[i] > MAX_SPAN_NS or self.end[i] >= LATEST_NS
                ):
                    bad = i
                    break
        if bad >= 0:
            raise ValueError(f"span {bad} has an index out of range, or times that are a fault and not marked as one")

    cdef int run(self) noexcept nogil:
        cdef int64_t i, b, buckets = 1
        cdef int shift = 64
        cdef int status = FINE
        while buckets * BUCKET < self.n and shift > 64 - 14:
            buckets *= 2
            shift -= 1
        cdef int64_t* bounds = <int64_t*> calloc(buckets + 1, sizeof(int64_t))
        cdef uint32_t* order = <uint32_t*> malloc((self.n + 1) * sizeof(uint32_t))
        if bounds == NULL or order == NULL or reset_table(&self.rows, 1024) != FINE or reset_table(&self.told, 64) != FINE:
            free(bounds)
            free(order)
            return NO_MEMORY
        if buckets == 1:
            for i in range(self.n):
                order[i] = <uint32_t> i
            bounds[1] = self.n
        else:
            for i in range(self.n):
                bounds[(_trace_hash(&self.trace_id[16 * i]) >> shift) + 1] += 1
            for b in range(buckets):
                bounds[b + 1] += bounds[b]
            for i in range(self.n):
                b = <int64_t> (_trace_hash(&self.trace_id[16 * i]) >> shift)
                order[bounds[b]] = <uint32_t> i
                bounds[b] += 1
            for b in range(buckets, 0, -1):
                bounds[b] = bounds[b - 1]
            bounds[0] = 0
        for b in range(buckets):
            if status == FINE:
                status = self.bucket(order + bounds[b], bounds[b + 1] - bounds[b])
        free(bounds)
        free(order)
        if status == FINE:
            status = self.fold(False)
        if status == FINE:
            status = self.fold(True)
        self.work += self.traces.probes + self.claims.probes + self.rows.probes + self.told.probes
        return status

    cdef int make_room(self, int64_t spans) noexcept nogil:
        if spans <= self.room:
            return FINE
        free(self.spans)
        free(self.items)
        free(self.kids)
        free(self.spare)
        free(self.before)
        free(self.trace_of)
        free(self.bounds)
        free(self.used)
        self.room = spans
        self.spans = <Span*> malloc(spans * sizeof(Span))
        self.items = <Item*> malloc(spans * sizeof(Item))
        self.kids = <Item*> malloc(spans * sizeof(Item))
        self.spare = <Item*> malloc(spans * sizeof(Item))
        self.before = <uint64_t*> malloc(spans * sizeof(uint64_t))
        self.trace_of = <int32_t*> malloc(spans * sizeof(int32_t))
        self.bounds = <int64_t*> malloc((spans + 1) * sizeof(int64_t))
        self.used = <uint8_t*> malloc(spans)
        if (
            self.spans == NULL or self.items == NULL or self.kids == NULL or self.spare == NULL or self.before == NULL
            or self.trace_of == NULL or self.bounds == NULL or self.used == NULL
        ):
            return NO_MEMORY
        return FINE

    cdef void gather(self, Span* span, uint32_t i) noexcept nogil:
        memcpy(&span.trace_high, &self.trace_id[16 * <int64_t> i], 8)
        memcpy(&span.trace_low, &self.trace_id[16 * <int64_t> i + 8], 8)
        span.id = self.span_id[i]
        span.parent = self.parent_id[i]
        span.start = self.start[i]
        span.end = self.end[i]
        span.given[0] = self.cpu[i]
        span.given[1] = self.memory[i]
        span.given[2] = self.io[i]
        span.given[3] = self.gpu[i]
        span.pair = self.pair[i]
        span.name = self.name[i]
        span.caller = self.caller[i]
        span.account = self.pair_account[span.pair]
        span.index = i
        span.marks = self.marks[i]
        span.quality = self.quality[i]
        span.fault = self.fault[i]
        if span.fault == 0:
            span.fault = self.pair_fault[span.pair]

    cdef void ahead(self, uint32_t i) noexcept nogil:
        """Asks memory for a span that is gathered soon: its columns are as many cache lines."""
        greencloud_fetch(&self.trace_id[16 * <int64_t> i])
        greencloud_fetch(&self.span_id[i])
        greencloud_fetch(&self.parent_id[i])
        greencloud_fetch(&self.start[i])
        greencloud_fetch(&self.end[i])
        greencloud_fetch(&self.cpu[i])
        greencloud_fetch(&self.memory[i])
        greencloud_fetch(&self.io[i])
        greencloud_fetch(&self.gpu[i])
        greencloud_fetch(&self.pair[i])
        greencloud_fetch(&self.name[i])
        greencloud_fetch(&self.caller[i])
        greencloud_fetch(&self.marks[i])

    cdef int bucket(self, const uint32_t* order, int64_t n) noexcept nogil:
        """Brings the bucket's spans in order of trace, then works at each."""
        cdef int64_t i, k, number, start
        cdef Span* span
        cdef Item* item
        if n == 0:
            return FINE
        if self.make_room(n) != FINE or reset_table(&self.traces, n) != FINE or reset_table(&self.claims, 16) != FINE:
            return NO_MEMORY
        memset(self.bounds, 0, (n + 1) * sizeof(int64_t))
        for i in range(n):
            span = &self.spans[i]
            if i + AHEAD < n:
                self.ahead(order[i + AHEAD])
            self.gather(span, order[i])
            number = find_key(&self.traces, span.trace_high, span.trace_low, 0, True)
            if number < 0:
                return NO_MEMORY
            self.trace_of[i] = <int32_t> number
            self.bounds[number + 1] += 1
        for k in range(self.traces.size):
            self.bounds[k + 1] += self.bounds[k]
        for i in range(n):
            span = &self.spans[i]
            number = self.trace_of[i]
            item = &self.items[self.bounds[number]]
            self.bounds[number] += 1
            item.a = span.id
            item.b = span.account
            item.c = span.start
            item.d = i
        start = 0
        for k in range(self.traces.size):
            if self.trace(k, self.items + start, self.bounds[k] - start) != FINE:
                return NO_MEMORY
            start = self.bounds[k]
        return FINE

    cdef int trace(self, uint64_t number, Item* items, int64_t n) noexcept nogil:
        cdef int64_t i
        cdef bint walls = False, asking = False
        cdef Span* span
        self.work += sort_items(items, self.spare, n)
        n = self.distinct(items, n)
        for i in range(n):
            span = &self.spans[items[i].d]
            self.used[i] = 0
            if self.pair_place[span.pair] >= 0:
                self.used[i] = self.judge(span)
                walls |= not self.used[i] & CPU
                asking |= self.asks(span)
        self.kid_count = 0
        if walls:
            self.unite(items, n)
        if asking and self.claim_hours(number, items, n) != FINE:
            return NO_MEMORY
        for i in range(n):
            span = &self.spans[items[i].d]
            if self.pair_place[span.pair] >= 0 and self.weigh(number, span, self.used[i]) != FINE:
                return NO_MEMORY
        return FINE

    cdef int64_t distinct(self, Item* items, int64_t n) noexcept nogil:
        """Leaves one of each identity, in front; gives their number."""
        cdef int64_t i = 0, kept = 0, best, copies
        cdef Item first
        cdef Span* span
        cdef uint32_t faults
        cdef int order
        cdef bint differ
        while i < n:
            first = items[i]
            best = -1
            copies = 0
            faults = 0
            differ = False
            while i < n and items[i].a == first.a and items[i].b == first.b and items[i].c == first.c:
                span = &self.spans[items[i].d]
                if self.starts_inside(span):
                    self.seen[span.pair] |= 1
                i += 1
                if span.fault != 0:
                    if not faults >> span.fault & 1:
                        self.note(span.fault, span)
                    faults |= <uint32_t> 1 << span.fault
                    continue
                copies += 1
                if best < 0:
                    best = items[i - 1].d
                    continue
                order = self.compare(span, &self.spans[best])
                differ |= order != 0
                if order < 0:
                    best = items[i - 1].d
            if best < 0:
                continue
            span = &self.spans[best]
            if self.starts_inside(span):
                self.seen[span.pair] |= 2
                self.span_count += 1
                self.duplicate_count += copies - 1
                if differ:
                    self.note(CONTRADICTION, span)
                if kept > 0 and items[kept - 1].a == first.a and items[kept - 1].b == first.b:
                    self.note(REUSED, span)
            items[kept] = first
            items[kept].d = best
            kept += 1
        return kept

    cdef bint starts_inside(self, const Span* span) noexcept nogil:
        return self.first_ns <= span.start < self.until_ns

    cdef void note(self, int what, const Span* span) noexcept nogil:
        """Counts, and keeps the first in order of account and ids as the example."""
        cdef Span* first = &self.note_first[what]
        if not self.starts_inside(span):
            return
        self.note_count[what] += 1
        if self.note_count[what] == 1 or _before(span, first):
            first[0] = span[0]

    cdef int compare(self, const Span* one, const Span* other) noexcept nogil:
        """Which of two copies holds: the longer, then the smaller by all that is used, texts as texts. 0 for the same."""
        cdef int k
        if one.end != other.end:
            return -1 if one.end > other.end else 1
        if one.parent != other.parent:
            return -1 if one.parent < other.parent else 1
        if one.name != other.name and self.name_order[one.name] != self.name_order[other.name]:
            return -1 if self.name_order[one.name] < self.name_order[other.name] else 1
        if one.pair != other.pair and self.pair_identity[one.pair] != self.pair_identity[other.pair]:
            return -1 if self.pair_identity[one.pair] < self.pair_identity[other.pair] else 1
        if one.caller != other.caller:
            if one.caller < 0 or other.caller < 0:
                return -1 if one.caller < 0 else 1
            if self.caller_order[one.caller] != self.caller_order[other.caller]:
                return -1 if self.caller_order[one.caller] < self.caller_order[other.caller] else 1
        if one.quality != other.quality:
            return -1 if one.quality < other.quality else 1
        if one.marks != other.marks:
            return -1 if one.marks < other.marks else 1
        for k in range(MEASURES):
            if one.given[k] != other.given[k]:
                return -1 if one.given[k] < other.given[k] else 1
        return 0

    cdef uint8_t judge(self, const Span* span) noexcept nogil:
        """Which of the amounts that a span gives are used: a bit a measure. The others are noted."""
        cdef uint8_t used = 0
        cdef int k
        cdef uint64_t length = max(span.end - span.start, <uint64_t> CLOCK_NS)
        for k in range(MEASURES):
            if not span.marks & ((GIVEN | ODD) << k):
                continue
            if (
                span.marks & (GIVEN << k) and not span.marks & (ODD << k) and span.given[k] >= 0
                and <u128> span.given[k] <= <u128> length * <u128> MOST[k]
            ):
                used |= 1 << k
            else:
                self.note(BAD_AMOUNT + k, span)
        if self.name_cut[span.name]:
            self.note(CUT_NAME, span)
        return used

    # --- self wall time -------------------------------------------------------------------------------------------------------

    cdef void unite(self, const Item* items, int64_t n) noexcept nogil:
        """The children of each parent and process as disjoint intervals in order."""
        cdef int64_t i, kept = 0, size = 0
        cdef const Span* span
        cdef Item* kid
        cdef Item* last
        for i in range(n):
            span = &self.spans[items[i].d]
            if span.parent != 0 and not span.marks & REMOTE_PARENT and span.end > span.start:
                kid = &self.kids[size]
                kid.a = span.parent
                kid.b = self.pair_process[span.pair]
                kid.c = span.start
                kid.d = span.end
                size += 1
        self.work += sort_items(self.kids, self.spare, size)
        for i in range(size):
            kid = &self.kids[i]
            if kept > 0:
                last = &self.kids[kept - 1]
                if last.a == kid.a and last.b == kid.b:
                    if kid.c <= last.d:
                        last.d = max(last.d, kid.d)
                        continue
                    self.before[kept] = self.before[kept - 1] + (last.d - last.c)
                    self.kids[kept] = kid[0]
                    kept += 1
                    continue
            self.before[kept] = 0
            self.kids[kept] = kid[0]
            kept += 1
        self.kid_count = kept

    cdef int64_t kids_from(self, uint64_t parent, uint64_t process) noexcept nogil:
        """The first of the kids that is not before this parent and process."""
        cdef int64_t low = 0, high = self.kid_count, middle
        while low < high:
            middle = (low + high) >> 1
            if self.kids[middle].a < parent or (self.kids[middle].a == parent and self.kids[middle].b < process):
                low = middle + 1
            else:
                high = middle
            self.work += 1
        return low

    cdef uint64_t covered(self, int64_t low, int64_t high, uint64_t time) noexcept nogil:
        """How much of the time before ``time`` the kids ``low`` to ``high``, of one parent, cover."""
        cdef int64_t start = low, middle
        while low < high:
            middle = (low + high) >> 1
            if self.kids[middle].c <= time:
                low = middle + 1
            else:
                high = middle
            self.work += 1
        if low == start:
            return 0
        return self.before[low - 1] + (min(time, self.kids[low - 1].d) - self.kids[low - 1].c)

    # --- whom internal services worked for ------------------------------------------------------------------------------------

    cdef bint asks(self, const Span* span) noexcept nogil:
        """Whether a span's caller is to be found among its ancestors."""
        if not self.pair_internal[span.pair]:
            return False
        if span.caller >= 0:
            if self.caller_account[span.caller] >= 0:
                return False
            self.note(BAD_CALLER, span)
        return span.parent != 0

    cdef int claim_hours(self, uint64_t number, const Item* items, int64_t n) noexcept nogil:
        """Enters each span under its id in every hour of which it overlaps the hour or the one before, as far as it is asked."""
        cdef int64_t i, at, size
        cdef uint64_t hour, low, high, first = INT64_MAX, last = 0
        cdef const Span* span
        cdef Claim* claim
        cdef void* moved
        for i in range(n):
            span = &self.spans[items[i].d]
            if self.pair_place[span.pair] >= 0 and self.pair_internal[span.pair] and span.parent != 0:
                low = max(span.start // self.window_ns, self.first_window)
                high = min(_last_instant(span) // self.window_ns, self.until_window - 1)
                if low <= high and self.until_window > 0:
                    first = min(first, low * self.window_ns // HOUR_NS)
                    last = max(last, high * self.window_ns // HOUR_NS)
        for i in range(n):
            span = &self.spans[items[i].d]
            low = max(span.start // HOUR_NS, first)
            high = min(_last_instant(span) // HOUR_NS + 1, last)
            hour = low
            while hour <= high:
                self.work += 1
                size = self.claims.size
                at = find_key(&self.claims, number, span.id, hour, True)
                if at < 0:
                    return NO_MEMORY
                if self.claim_room < self.claims.room:
                    moved = realloc(self.claim, self.claims.room * sizeof(Claim))
                    if moved == NULL:
                        return NO_MEMORY
                    self.claim = <Claim*> moved
                    self.claim_room = self.claims.room
                claim = &self.claim[at]
                if at == size:
                    memset(claim, 0, sizeof(Claim))
                    claim.answer = -1
                hour += 1
                _enter(claim, span, self.pair_internal[span.pair])
        return FINE

    cdef int32_t ancestor(self, uint64_t number, uint64_t id, uint64_t hour) noexcept nogil:
        """The account + 1 of the nearest that is not internal, or 0. Every claim is walked over once."""
        cdef int32_t answer = 0, via = -1
        cdef int64_t at
        cdef Claim* claim
        while id != 0:
            self.work += 1
            at = find_key(&self.claims, number, id, hour, False)
            if at < 0:
                break
            claim = &self.claim[at]
            if claim.answer >= 0:
                answer = claim.answer
                break
            claim.answer = 0  # where the walk ends if it comes here again
            claim.via = via
            via = <int32_t> at
            if claim.internals == 0:
                if claim.tenants == 1:
                    answer = claim.tenant + 1
                break
            if claim.internals > 1:
                break
            id = claim.parent
        while via >= 0:
            self.claim[via].answer = answer
            via = self.claim[via].via
        return answer

    # --- rows -----------------------------------------------------------------------------------------------------------------

    cdef int weigh(self, uint64_t number, const Span* span, uint8_t used) noexcept nogil:
        cdef uint64_t window = span.start // self.window_ns
        cdef uint64_t last = _last_instant(span) // self.window_ns
        cdef uint64_t until = min(last + 1, self.until_window)
        cdef uint64_t at, start, end, hour, asked = <uint64_t> -1
        cdef uint64_t quality = ESTIMATED
        cdef int32_t place = self.pair_place[span.pair]
        cdef int32_t operation = self.name_operation[span.name]
        cdef int32_t caller = 0
        cdef bint whole = window == last, walking = False
        cdef int64_t low = 0, high = 0
        cdef uint64_t parts[MEASURES]
        cdef uint64_t some
        cdef int k
        cdef Sums* sums
        if used & CPU:
            if span.quality <= 1:
                quality = EXACT
            elif span.quality == 2:
                quality = MEASURED
        elif self.kid_count > 0:
            low = self.kids_from(span.id, self.pair_process[span.pair])
            if low < self.kid_count:
                high = self.kids_from(span.id, <uint64_t> self.pair_process[span.pair] + 1)
        if self.pair_internal[span.pair]:
            if span.caller >= 0 and self.caller_account[span.caller] >= 0:
                caller = self.caller_account[span.caller] + 1
            else:
                walking = span.parent != 0
        at = max(window, self.first_window)
        while at < until:
            self.work += 1
            start = max(span.start, at * self.window_ns)
            end = min(span.end, (at + 1) * self.window_ns)
            some = 0
            for k in range(MEASURES):
                parts[k] = 0
                if used >> k & 1:
                    if whole:
                        parts[k] = span.given[k]
                    elif span.given[k] != 0:
                        parts[k] = _accrued(span, span.given[k], end) - _accrued(span, span.given[k], start)
                    some |= parts[k]
            if not used & CPU and end > start:
                parts[0] = end - start
                if high > low:
                    parts[0] -= self.covered(low, high, end) - self.covered(low, high, start)
                some |= parts[0]
            if some != 0 or at == window:
                if walking:
                    hour = at * self.window_ns // HOUR_NS
                    if hour != asked:
                        caller = self.ancestor(number, span.parent, hour)
                        asked = hour
                sums = self.row(at, place, operation, <uint64_t> caller << 2 | quality)
                if sums == NULL:
                    return NO_MEMORY
                for k in range(MEASURES):
                    sums.of[k] += parts[k]
                sums.count += at == window
                if parts[0] != 0 and find_key(&self.told, self.pair_process[span.pair], at, 0, True) < 0:
                    return NO_MEMORY
            at += 1
        return FINE

    cdef Sums* row(self, uint64_t window, int32_t place, int32_t operation, uint64_t rest) noexcept nogil:
        cdef int64_t size = self.rows.size
        cdef int64_t at = find_key(&self.rows, window, <uint64_t> place << 32 | <uint64_t> operation, rest, True)
        cdef void* moved
        if at < 0:
            return NULL
        if self.sums_room < self.rows.room:
            moved = realloc(self.sums, self.rows.room * sizeof(Sums))
            if moved == NULL:
                return NULL
            self.sums = <Sums*> moved
            self.sums_room = self.rows.room
        if at == size:
            memset(&self.sums[at], 0, sizeof(Sums))
        return &self.sums[at]

    cdef Item* sorted_rows(self, int64_t* count) noexcept nogil:
        """The rows that hold anything, in the order of their keys' texts; d is the row."""
        cdef Item* items = <Item*> malloc((self.rows.size + 1) * sizeof(Item))
        cdef Item* spare = <Item*> malloc((self.rows.size + 1) * sizeof(Item))
        cdef int64_t i, n = 0
        cdef int32_t place
        cdef const uint64_t* key
        if items != NULL and spare != NULL:
            for i in range(self.rows.size):
                if _holds(&self.sums[i]):
                    key = &self.rows.words[3 * i]
                    place = <int32_t> (key[1] >> 32)
                    items[n].a = key[0]
                    items[n].b = <uint64_t> self.place_order[place] << 32 | (key[1] & LOW)
                    items[n].c = <uint64_t> self.place_labels[place] << 34 | key[2]
                    items[n].d = i
                    n += 1
            self.work += sort_items(items, spare, n)
        elif items != NULL:
            free(items)
            items = NULL
        free(spare)
        count[0] = n
        return items

    cdef int fold(self, bint again) noexcept nogil:
        """Where an account has too many rows on a host and window, moves those of least CPU time to rows of other operations;
        where these are too many once more, to rows of other services."""
        cdef Table crowds
        cdef int64_t* crowd = <int64_t*> calloc(self.rows.size + 1, sizeof(int64_t))
        cdef int32_t* member = <int32_t*> malloc((self.rows.size + 1) * sizeof(int32_t))
        cdef Item* items = NULL
        cdef Item* spare = NULL
        cdef int64_t i, number, rank, count = 0, n = 0, rows = self.rows.size
        cdef int status = NO_MEMORY
        cdef bint any_crowd = False
        cdef int32_t place
        cdef Sums moved
        cdef Sums* sums
        cdef uint64_t key[3]
        memset(&crowds, 0, sizeof(Table))
        if crowd != NULL and member != NULL and reset_table(&crowds, 64) == FINE:
            status = FINE
            for i in range(rows):
                member[i] = -1
                if not _holds(&self.sums[i]):
                    continue
                if again and (self.rows.words[3 * i + 1] & LOW) != <uint64_t> self.other_operation:
                    continue
                place = <int32_t> (self.rows.words[3 * i + 1] >> 32)
                number = find_key(&crowds, self.rows.words[3 * i], self.place_bound[place], 0, True)
                if number < 0:
                    status = NO_MEMORY
                    break
                member[i] = <int32_t> number
                crowd[number] += 1
                any_crowd |= crowd[number] > self.most_rows
        if status == FINE and any_crowd:
            items = self.sorted_rows(&count)
            spare = <Item*> malloc((rows + 1) * sizeof(Item))
            if items == NULL or spare == NULL:
                status = NO_MEMORY
            else:
                for rank in range(count):
                    i = <int64_t> items[rank].d
                    if member[i] >= 0 and crowd[member[i]] > self.most_rows:
                        items[n].a = member[i]
                        items[n].b = ~<uint64_t> min(self.sums[i].of[0], <u128> INT64_MAX)
                        items[n].c = rank
                        items[n].d = i
                        n += 1
                self.work += sort_items(items, spare, n)
                number = -1
                for rank in range(n):
                    if <int64_t> items[rank].a != number:
                        number = <int64_t> items[rank].a
                        count = 0
                    count += 1
                    if count <= self.most_rows:
                        continue
                    i = <int64_t> items[rank].d
                    memcpy(key, &self.rows.words[3 * i], 3 * sizeof(uint64_t))
                    place = <int32_t> (key[1] >> 32)
                    self.crowded[place] = 1
                    moved = self.sums[i]
                    memset(&self.sums[i], 0, sizeof(Sums))
                    sums = self.row(key[0], self.place_other[place] if again else place, self.other_operation, key[2])
                    if sums == NULL:
                        status = NO_MEMORY
                        break
                    _add(sums, &moved)
        free(crowd)
        free(member)
        free(items)
        free(spare)
        free_table(&crowds)
        return status

    cdef void write(self) except *:
        cdef int64_t i, k, n = 0
        cdef Item* items
        cdef uint64_t* key
        cdef Sums* sums
        with nogil:
            items = self.sorted_rows(&n)
        if items == NULL:
            raise MemoryError
        cdef c_array longs = array("q")
        cdef c_array ints = array("i")
        cdef c_array window = clone(longs, n, False)
        cdef c_array place = clone(ints, n, False)
        cdef c_array operation = clone(ints, n, False)
        cdef c_array caller = clone(ints, n, False)
        cdef c_array quality = clone(ints, n, False)
        cdef c_array count = clone(longs, n, False)
        cdef list measures = [clone(longs, n, False) for _ in range(MEASURES)]
        cdef int64_t* column
        for i in range(n):
            key = &self.rows.words[3 * <int64_t> items[i].d]
            sums = &self.sums[<int64_t> items[i].d]
            window.data.as_longlongs[i] = <int64_t> key[0]
            place.data.as_ints[i] = <int32_t> (key[1] >> 32)
            operation.data.as_ints[i] = <int32_t> (key[1] & LOW)
            caller.data.as_ints[i] = <int32_t> (key[2] >> 2) - 1
            quality.data.as_ints[i] = <int32_t> (key[2] & 3)
            count.data.as_longlongs[i] = <int64_t> sums.count
        for k in range(MEASURES):
            column = <int64_t*> (<c_array> measures[k]).data.as_longlongs
            for i in range(n):
                column[i] = <int64_t> min(self.sums[<int64_t> items[i].d].of[k], <u128> (self.most_sum + 1))
        free(items)
        self.window = window
        self.place = place
        self.operation = operation
        self.caller_of = caller
        self.quality_of = quality
        self.count = count
        self.measures = tuple(measures)
        self.told_process = array("i", [self.told.words[3 * i] for i in range(self.told.size)])
        self.told_window = array("q", [self.told.words[3 * i + 1] for i in range(self.told.size)])
        self.folded = array("i", [i for i in range(self.place_bound.shape[0]) if self.crowded[i]])
        self.seen_pairs = array("B", [self.seen[i] for i in range(self.pair_account.shape[0])])
        self.notes = {i: (self.note_count[i], self.note_first[i].index) for i in range(NOTES) if self.note_count[i]}


cdef uint64_t _at_most_64_bits(u128 time) noexcept nogil:
    return <uint64_t> -1 if time >> 64 else <uint64_t> time


cdef inline uint64_t _trace_hash(const uint8_t* trace_id) noexcept nogil:
    cdef uint64_t words[2]
    memcpy(words, trace_id, 16)
    return hash_of(words[0], words[1], 0)


cdef inline uint64_t _last_instant(const Span* span) noexcept nogil:
    return span.end - 1 if span.end > span.start else span.start


cdef inline uint64_t _accrued(const Span* span, uint64_t amount, uint64_t time) noexcept nogil:
    """What has accrued of an amount by a time within the span: the floor."""
    if time >= span.end:
        return amount
    return <uint64_t> (<u128> amount * <u128> (time - span.start) // <u128> (span.end - span.start))


cdef bint _before(const Span* one, const Span* other) noexcept nogil:
    if one.account != other.account:
        return one.account < other.account
    if one.id != other.id:
        return one.id < other.id
    if one.trace_high != other.trace_high:
        return one.trace_high < other.trace_high
    if one.trace_low != other.trace_low:
        return one.trace_low < other.trace_low
    return one.start < other.start


cdef void _enter(Claim* claim, const Span* span, bint internal) noexcept nogil:
    """Spans of an id come in order of account and start, so accounts are counted by their changes."""
    if internal:
        if claim.internals == 0:
            claim.parent = span.parent
        if claim.internals == 0 or claim.internal != span.account:
            claim.internal = span.account
            claim.internals = min(claim.internals + 1, 2)
    elif claim.tenants == 0 or claim.tenant != span.account:
        claim.tenant = span.account
        claim.tenants = min(claim.tenants + 1, 2)


cdef inline bint _holds(const Sums* sums) noexcept nogil:
    return sums.count != 0 or sums.of[0] != 0 or sums.of[1] != 0 or sums.of[2] != 0 or sums.of[3] != 0


cdef void _add(Sums* sums, const Sums* more) noexcept nogil:
    cdef int k
    for k in range(MEASURES):
        sums.of[k] += more.of[k]
    sums.count += more.count
