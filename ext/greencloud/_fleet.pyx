# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The allocation of a whole fleet: usage columns of many windows, hosts and groups to integer sums by group, in one pass.

The rule is ``reserved_and_used`` over one site's shared hosts, in seven outputs. Write u for a row's power-weighted use and r for
its power-weighted reservation. Per window, D and I are the hosts' dynamic and idle energy, R the sum of r, C the capacity:

    dynamic     the dynamic energy of each host, by u on that host; of a host without use: unattributed
    idle        I * R / max(C, R), rounded once, by r in the window
    unsold      the rest of I, by r as well; or kept as a line of its own, as it always is where nothing is reserved
    overhead    by the three above, what is unattributed or kept included
    location, market    facility energy x factor, rounded once (half to even), as overhead
    embodied    as idle and unsold

So each output of a window is x * a + y * b, where x is a group's sum of u * (host's dynamic) / (sum of u on the host), y its sum of
r, and a and b are constants of the window: a row adds one pair of numbers to its group, whatever the number of outputs.

Rounding. Groups are taken in order of their codes; the running total of each output is rounded to the nearest integer, a group
gets the difference to the one before, and the last that has a part the remainder. So the parts of a window add up to its integer
totals by construction and none is negative. Each is the quota's floor or ceiling, but for what doubles cannot tell: it is less than
one unit, and for each of the group's rows 2**-46 of the window's total, from the quota in exact rationals. (The ledger's own path
apportions by largest remainder, in rationals; the two agree to that, not to the unit.)

Order. Doubles carry u, r and x, yet no sum depends on its order: each term is first rounded to a multiple of a power of two, so
coarse that the sum needs no more than 53 bits, hence is exact (Demmel & Nguyen 2013, with one bin). The power follows from what
has no order either: the greatest term and the number of terms, the host's energy, the capacity. So rows may come in any order
within their window, from any layout, and windows on any thread: the bits are the same. Totals of a window are below 2**52, so that
a double holds them; more is refused.
"""

import math
from array import array

from libc.math cimport rint
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from greencloud.errors import UsageDataError

cdef int64_t LIMIT = <int64_t> 1 << 52
cdef int64_t MJ_PER_KWH = 3_600_000_000
cdef double UNDER = 1 - 2.0**-49  # keeps a computed running total from passing the integer that it must end at

# What a pass may find wrong: a status, so that loops without the interpreter can return it.
cdef enum:
    FINE = 0
    BAD_ROW = 1
    BAD_OFFSETS = 2
    NO_MEMORY = 3

greencloud_wide = greencloud_has_avx2()


def wide(choice=None):
    global greencloud_wide
    if choice is not None:
        greencloud_wide = choice and greencloud_has_avx2()
    return bool(greencloud_wide)


cdef class Site:
    def __cinit__(
        self, *, Py_ssize_t windows, Py_ssize_t hosts, dynamic_mj, idle_mj, embodied_ug, overhead_mj, location_ug_per_kwh,
        market_ug_per_kwh, capacity, bint keep_unsold=False,
    ):
        if windows < 0 or hosts < 0:
            raise ValueError(f"{windows} windows of {hosts} hosts")
        self.windows = windows
        self.hosts = hosts
        self.keep_unsold = keep_unsold
        self.dynamic = _amounts(dynamic_mj, windows * hosts, "dynamic_mj")
        self.capacity = capacity
        cdef const int64_t[::1] idle = _amounts(idle_mj, windows * hosts, "idle_mj")
        cdef const int64_t[::1] embodied = _amounts(embodied_ug, windows * hosts, "embodied_ug")
        cdef const int64_t[::1] overhead = _amounts(overhead_mj, windows, "overhead_mj")
        cdef const int64_t[::1] location = _amounts(location_ug_per_kwh, windows, "location_ug_per_kwh")
        cdef const int64_t[::1] market = _amounts(market_ug_per_kwh, windows, "market_ug_per_kwh")
        cdef Py_ssize_t w, bad = -1
        if self.capacity.shape[0] != windows:
            raise ValueError(f"{windows} windows need as many items of capacity, not {self.capacity.shape[0]}")
        for w in range(windows):
            if not 0 <= self.capacity[w] <= GREENCLOUD_MOST:
                raise ValueError(f"capacity {self.capacity[w]} at index {w} is not a weight; give zero or more, finite")
        self.of = <Totals*> calloc(windows + 1, sizeof(Totals))
        if self.of == NULL:
            raise MemoryError
        with nogil:
            for w in range(windows):
                if not _total(self, &self.of[w], w, idle, embodied, overhead[w], location[w], market[w]):
                    bad = w
                    break
        if bad >= 0:
            raise ValueError(f"the totals of window {bad} reach 2**52; check the units, or split the site")
        if max(self.totals()) >= 2**63:
            raise ValueError(f"the totals of {windows} windows reach 2**63; allocate fewer at once")

    def __dealloc__(self):
        free(self.of)

    def totals(self):
        """Dynamic, idle, overhead, location, market and embodied, of all windows together."""
        sums = [0] * 6
        for w in range(self.windows):
            of = self.of[w]
            for k, amount in enumerate((of.dynamic, of.idle, of.overhead, of.location, of.market, of.embodied)):
                sums[k] += amount
        return sums


cdef bint _total(
    Site site, Totals* of, Py_ssize_t window, const int64_t[::1] idle, const int64_t[::1] embodied, int64_t overhead,
    int64_t location, int64_t market,
) noexcept nogil:
    """Sums a window's tables; False where one reaches the limit."""
    cdef Py_ssize_t i
    for i in range(window * site.hosts, (window + 1) * site.hosts):
        if site.dynamic[i] >= LIMIT or idle[i] >= LIMIT or embodied[i] >= LIMIT:
            return False
        of.dynamic += site.dynamic[i]
        of.idle += idle[i]
        of.embodied += embodied[i]
        if of.dynamic >= LIMIT or of.idle >= LIMIT or of.embodied >= LIMIT:
            return False
    of.overhead = overhead
    if overhead >= LIMIT or of.dynamic + of.idle + overhead >= LIMIT:
        return False
    of.location = _emissions(of.dynamic + of.idle + overhead, location)
    of.market = _emissions(of.dynamic + of.idle + overhead, market)
    return of.location < LIMIT and of.market < LIMIT


cdef int64_t _emissions(int64_t energy, int64_t factor) noexcept nogil:
    """Micrograms of energy at a factor, rounded half to even; LIMIT where they reach it."""
    cdef u128 product = <u128> energy * <u128> factor
    cdef u128 whole = product / MJ_PER_KWH
    cdef int64_t rest = <int64_t> (product % MJ_PER_KWH)
    if whole >= <u128> LIMIT:
        return LIMIT
    if 2 * rest > MJ_PER_KWH or (2 * rest == MJ_PER_KWH and <int64_t> whole % 2 == 1):
        whole += 1
    return <int64_t> whole


cdef const int64_t[::1] _amounts(values, Py_ssize_t n, str name):
    cdef const int64_t[::1] view = values
    cdef Py_ssize_t i
    cdef int64_t signs = 0
    if view.shape[0] != n:
        raise ValueError(f"{name} has {view.shape[0]} items, not {n}")
    for i in range(n):
        signs |= view[i]
    if signs < 0:
        for i in range(n):
            if view[i] < 0:
                raise ValueError(f"{name} {view[i]} at index {i} is negative")
    return view


cdef class Columns:
    def __cinit__(self, *, group, Py_ssize_t groups, use, use_weights, reserved, reserved_weights):
        self.group = group
        self.rows = self.group.shape[0]
        self.groups = groups
        self.held = [memoryview(column) for column in (*use, *reserved)]
        self.uses = len(use)
        self.reserves = len(reserved)
        self.single = bool(self.held) and self.held[0].format == "f"
        if groups < 0 or groups > 2**31:
            raise ValueError(f"{groups} groups; codes are int32")
        if self.uses > COLUMNS or self.reserves > COLUMNS:
            raise ValueError(f"at most {COLUMNS} columns of use and as many of reservations")
        cdef int k
        for k in range(self.uses):
            self.use[k] = self.column(self.held[k], f"use column {k}")
            self.use_weights[k] = _weight(use_weights, self.uses, k, "use")
        for k in range(self.reserves):
            self.reserved[k] = self.column(self.held[self.uses + k], f"reserved column {k}")
            self.reserved_weights[k] = _weight(reserved_weights, self.reserves, k, "reserved")

    cdef const void* column(self, held, str name) except? NULL:
        cdef const float[::1] single
        cdef const double[::1] doubles
        if held.shape[0] != self.rows:
            raise UsageDataError(f"{name} has {held.shape[0]} rows, group has {self.rows}", advice="give columns of one length")
        if self.single:
            single = held
            return &single[0] if self.rows else NULL
        doubles = held
        return &doubles[0] if self.rows else NULL

    cdef int weigh(self, int64_t row, int64_t n, double* use, double* reserved) noexcept nogil:
        """Weights of n rows and a check of what they are made of."""
        if highest(&self.group[row], n) >= <uint32_t> self.groups:
            return BAD_ROW
        cdef int suspect = _weigh(self, self.use, self.use_weights, self.uses, row, n, use)
        suspect |= _weigh(self, self.reserved, self.reserved_weights, self.reserves, row, n, reserved)
        return BAD_ROW if suspect and not self.sound(row, n) else FINE

    cdef void ahead(self, int64_t row, int64_t n) noexcept nogil:
        cdef int64_t size = sizeof(float) if self.single else sizeof(double)
        cdef int k
        n = min(n, self.rows - row)
        if n <= 0:
            return
        fetch(&self.group[row], n * <int64_t> sizeof(int32_t))
        for k in range(self.uses):
            fetch(<const char*> self.use[k] + row * size, n * size)
        for k in range(self.reserves):
            fetch(<const char*> self.reserved[k] + row * size, n * size)

    cdef bint sound(self, int64_t row, int64_t n) noexcept nogil:
        """Whether every item is zero or more and finite: the slow look, after the quick one was in doubt."""
        cdef int64_t i
        cdef int k
        for i in range(row, row + n):
            for k in range(self.uses):
                if not 0 <= _item(self, self.use[k], i) <= 1.7976931348623157e308:
                    return False
            for k in range(self.reserves):
                if not 0 <= _item(self, self.reserved[k], i) <= 1.7976931348623157e308:
                    return False
        return True

    def refuse(self, int64_t start, int64_t end):
        """Raise for the first row that cannot be taken."""
        cdef int64_t i
        cdef int k
        for i in range(start, end):
            if not 0 <= self.group[i] < self.groups:
                raise _refused(i, f"group {self.group[i]} is not one of {self.groups}", "codes count from 0")
            weight = 0.0
            for k in range(self.uses + self.reserves):
                name = f"use column {k}" if k < self.uses else f"reserved column {k - self.uses}"
                value = _item(self, self.use[k] if k < self.uses else self.reserved[k - self.uses], i)
                if not 0 <= value < math.inf:
                    raise _refused(i, f"{name} is {value}", "give zero or more, finite; leave a row out rather than guess it")
                if k == self.uses:
                    weight = 0.0
                weight += value * (self.use_weights[k] if k < self.uses else self.reserved_weights[k - self.uses])
                if weight > GREENCLOUD_MOST:
                    raise _refused(i, f"the weight with {name} at {value} is beyond 2**440", "check the unit")


cdef int _weigh(
    Columns columns, const void* const* these, const double* weights, int count, int64_t row, int64_t n, double* out
) noexcept nogil:
    cdef const float* single[COLUMNS]
    cdef const double* doubles[COLUMNS]
    cdef int first = min(count, 4)
    cdef int k, suspect
    if count == 0:
        memset(out, 0, n * sizeof(double))
        return 0
    if columns.single:
        for k in range(count):
            single[k] = <const float*> these[k] + row
        suspect = weigh_float(single, weights, first, 0, n, out)
        for k in range(first, count):
            suspect |= weigh_float(single + k, weights + k, 1, 1, n, out)
    else:
        for k in range(count):
            doubles[k] = <const double*> these[k] + row
        suspect = weigh_double(doubles, weights, first, 0, n, out)
        for k in range(first, count):
            suspect |= weigh_double(doubles + k, weights + k, 1, 1, n, out)
    return suspect


cdef double _item(Columns columns, const void* column, int64_t i) noexcept nogil:
    return <double> (<const float*> column)[i] if columns.single else (<const double*> column)[i]


cdef double _weight(weights, int count, int k, str name) except -1:
    if len(weights) != count:
        raise ValueError(f"{count} {name} columns need as many weights, not {len(weights)}")
    cdef double weight = weights[k]
    if not 0 <= weight <= 1e30:
        raise ValueError(f"{name} weight {weight} at index {k} is not from 0 to 1e30")
    return weight


def _refused(row, said, advice):
    return UsageDataError(said, row=row, advice=advice)


cdef class Worker:
    def __cinit__(self, Site site not None, Columns columns not None):
        self.site = site
        self.columns = columns
        self.sums = <int64_t*> calloc(columns.groups * LINE + 1, sizeof(int64_t))
        self.pairs = <double*> calloc(columns.groups * 2 + 1, sizeof(double))
        self.most = <HostMost*> malloc((site.hosts + 1) * sizeof(HostMost))
        self.total = <HostSum*> malloc((site.hosts + 1) * sizeof(HostSum))
        self.each = <double*> malloc((site.hosts + 1) * sizeof(double))
        self.offsets = <int64_t*> malloc((site.hosts + 1) * sizeof(int64_t))
        if self.sums == NULL or self.pairs == NULL or self.most == NULL or self.total == NULL or self.each == NULL:
            raise MemoryError
        if self.offsets == NULL or self.make_room(BLOCK) != FINE:
            raise MemoryError

    def __dealloc__(self):
        free(self.sums)
        free(self.pairs)
        free(self.most)
        free(self.total)
        free(self.each)
        free(self.offsets)
        free(self.use)
        free(self.reserved)
        free(self.part)

    cdef int make_room(self, int64_t rows) noexcept nogil:
        """Scratch for so many rows at once. The part past the end is zero, or what an earlier block left: never out of bounds."""
        if rows <= self.room:
            return FINE
        free(self.use)
        free(self.reserved)
        free(self.part)
        self.use = <double*> calloc(rows + PAST, sizeof(double))
        self.reserved = <double*> calloc(rows + PAST, sizeof(double))
        self.part = <double*> calloc(rows + PAST, sizeof(double))
        self.room = 0 if self.use == NULL or self.reserved == NULL or self.part == NULL else rows
        return FINE if self.room else NO_MEMORY

    def by_window(
        self, const int32_t[::1] window, const int32_t[::1] host, const int64_t[::1] bounds, Py_ssize_t first, Py_ssize_t last
    ):
        """Takes the rows of windows first to last, of columns that are sorted by window: bounds[w] is the first row of window w."""
        cdef Py_ssize_t w
        cdef Py_ssize_t bad = -1
        cdef int status = FINE
        cdef int64_t start, n
        if window.shape[0] != self.columns.rows or host.shape[0] != self.columns.rows:
            raise UsageDataError(
                f"window, host and group have {window.shape[0]}, {host.shape[0]} and {self.columns.rows} rows",
                advice="give columns of one length",
            )
        self._check(bounds, self.site.windows, first, last)
        with nogil:
            for w in range(first, last):
                start = bounds[w]
                n = bounds[w + 1] - start
                if start < 0 or n < 0 or bounds[w + 1] > self.columns.rows:
                    status = BAD_OFFSETS
                elif n and not all_are(&window[start], <int32_t> w, n):
                    status = BAD_OFFSETS
                elif n and highest(&host[start], n) >= <uint32_t> self.site.hosts:
                    status = BAD_ROW
                else:
                    status = self.take(w, NULL, &host[start] if n else NULL, start, n)
                if status != FINE:
                    bad = w
                    break
        if status == BAD_OFFSETS:
            _refuse_order(window, self.site.windows)
        if bad >= 0:
            for w in range(bounds[bad], bounds[bad + 1]):
                if not 0 <= host[w] < self.site.hosts:
                    raise _refused(w, f"host {host[w]} is not one of {self.site.hosts}", "codes count from 0")
            self._refuse(status, bounds[bad], bounds[bad + 1])

    def by_host_window(self, const int64_t[::1] offsets, Py_ssize_t first, Py_ssize_t last):
        """Takes the rows of windows first to last, sorted by window and host: offsets[w * hosts + h] is the first row of both."""
        cdef Py_ssize_t hosts = self.site.hosts
        cdef Py_ssize_t w, h
        cdef Py_ssize_t bad = -1
        cdef int status = FINE
        cdef const int64_t* these
        self._check(offsets, self.site.windows * hosts, first, last)
        with nogil:
            for w in range(first, last):
                these = &offsets[w * hosts]
                if these[0] < 0 or these[hosts] > self.columns.rows:
                    status = BAD_OFFSETS
                for h in range(hosts):
                    if these[h + 1] < these[h]:
                        status = BAD_OFFSETS
                if status == FINE:
                    status = self.take(w, these, NULL, these[0], these[hosts] - these[0])
                if status != FINE:
                    bad = w
                    break
        if status == BAD_OFFSETS:
            raise ValueError(f"offsets of window {bad} go back or leave the rows; make them with prepare()")
        if bad >= 0:
            self._refuse(status, offsets[bad * hosts], offsets[(bad + 1) * hosts])

    def _check(self, const int64_t[::1] offsets, Py_ssize_t n, Py_ssize_t first, Py_ssize_t last):
        if offsets.shape[0] != n + 1 or offsets[0] != 0 or offsets[n] != self.columns.rows:
            raise ValueError(f"offsets must be {n + 1}, from 0 to {self.columns.rows}")
        if not 0 <= first <= last <= self.site.windows:
            raise ValueError(f"windows {first} to {last} are not among {self.site.windows}")

    def _refuse(self, int status, int64_t start, int64_t end):
        if status == NO_MEMORY:
            raise MemoryError
        self.columns.refuse(start, end)
        raise AssertionError("a pass refused rows in which nothing is wrong; another thread may have written to them")

    cdef int take(
        self, Py_ssize_t window, const int64_t* offsets, const int32_t* host, int64_t start, int64_t n
    ) noexcept nogil:
        """One window's rows into the sums: by the offsets of its hosts, or else by the hosts of its rows."""
        cdef const Totals* of = &self.site.of[window]
        cdef const int64_t* dynamic = &self.site.dynamic[window * self.site.hosts] if self.site.hosts else NULL
        cdef double capacity = self.site.capacity[window]
        cdef double grid = greencloud_power(2 * <double> of.dynamic)
        cdef double reserved_grid = greencloud_power(4 * capacity)
        cdef double totals[2]
        cdef double most
        cdef int64_t attributed
        cdef int status, _attempt
        if offsets == NULL and n and ascending(host, n):
            _offsets_of(host, start, n, self.offsets, self.site.hosts)
            offsets = self.offsets
        for _attempt in range(4):
            totals[0] = totals[1] = 0
            attributed = 0
            if n == 0:
                break
            if offsets != NULL:
                status = self.by_host(offsets, dynamic, grid, reserved_grid, totals, &attributed)
            else:
                status = self.in_any_order(host, start, n, dynamic, grid, reserved_grid, totals, &attributed)
            if status != FINE:
                return status
            # The capacity is but a guess of the reservations' sum; where it is far off, once more with what is known now.
            if totals[1] <= reserved_grid and totals[1] * 64 >= reserved_grid:
                break
            if totals[1] <= reserved_grid and totals[1] > 0:
                reserved_grid = greencloud_power(2 * totals[1])
            else:
                most = self.most_reserved(start, n)
                if not most <= GREENCLOUD_MOST:
                    return BAD_ROW
                if most == 0:
                    break
                reserved_grid = greencloud_power(<double> n * most)
            memset(self.pairs, 0, self.columns.groups * 2 * sizeof(double))
        self.close(of, capacity, attributed, totals[0], totals[1])
        return FINE

    cdef int by_host(
        self, const int64_t* offsets, const int64_t* dynamic, double grid, double reserved_grid, double* totals, int64_t* attributed
    ) noexcept nogil:
        """Rows of a window that lie host by host: blocks of whole hosts, each from memory once."""
        cdef Py_ssize_t hosts = self.site.hosts
        cdef Py_ssize_t h = 0
        cdef Py_ssize_t end
        cdef int64_t n, energy, at, size
        cdef int status
        while h < hosts:
            end = h + 1
            while end < hosts and offsets[end + 1] - offsets[h] <= BLOCK:
                end += 1
            n = offsets[end] - offsets[h]
            if n:
                status = self.make_room(n)
                if status == FINE:
                    status = self.columns.weigh(offsets[h], n, self.use, self.reserved)
                if status != FINE:
                    return status
                energy = parts_by_host(self.use, offsets + h, end - h, dynamic + h, grid, self.part)
                if energy < 0:
                    return BAD_ROW
                attributed[0] += energy
                at = 0
                while at < n:
                    size = min(<int64_t> STEP, n - at)
                    self.columns.ahead(offsets[end] + at, size)
                    scatter(
                        self.part + at, self.reserved + at, &self.columns.group[offsets[h] + at], size, reserved_grid,
                        self.pairs, totals,
                    )
                    at += size
            h = end
        return FINE

    cdef int in_any_order(
        self, const int32_t* host, int64_t start, int64_t n, const int64_t* dynamic, double grid, double reserved_grid,
        double* totals, int64_t* attributed
    ) noexcept nogil:
        """The same where a window's hosts are mixed: weights of all its rows, then a table of hosts in place of the blocks."""
        cdef int64_t i, at, size
        cdef Py_ssize_t h
        cdef int status = self.make_room(n)
        if status != FINE:
            return status
        memset(self.most, 0, self.site.hosts * sizeof(HostMost))
        at = 0
        while at < n:
            size = min(<int64_t> BLOCK, n - at)
            status = self.columns.weigh(start + at, size, self.use + at, self.reserved + at)
            if status != FINE:
                return status
            for i in range(at, at + size):
                self.most[host[i]].rows += 1
                self.most[host[i]].most = max(self.use[i], self.most[host[i]].most)
            at += size
        if self.host_totals(host, n) != FINE:
            return BAD_ROW
        for h in range(self.site.hosts):
            self.each[h] = 0
            if self.total[h].total >= GREENCLOUD_LEAST:
                self.each[h] = <double> dynamic[h] / self.total[h].total
                attributed[0] += dynamic[h]
        at = 0
        while at < n:
            size = min(<int64_t> STEP, n - at)
            self.columns.ahead(start + n + at, size)  # the next window's
            for i in range(at, at + size):
                self.part[i] = (self.use[i] * self.each[host[i]] + grid) - grid
            scatter(
                self.part + at, self.reserved + at, &self.columns.group[start + at], size, reserved_grid, self.pairs, totals
            )
            at += size
        return FINE

    cdef int host_totals(self, const int32_t* host, int64_t n) noexcept nogil:
        """The sum of use on each host, exactly as ``parts_by_host`` has it."""
        cdef int64_t i
        cdef Py_ssize_t h
        cdef HostSum* at
        cdef bint again = False
        for h in range(self.site.hosts):
            if not self.most[h].most <= GREENCLOUD_MOST:
                return BAD_ROW
            self.total[h].total = 0
            self.total[h].grid = greencloud_power(self.most[h].rows * self.most[h].most)
        for i in range(n):
            at = &self.total[host[i]]
            at.total += (self.use[i] + at.grid) - at.grid
        for h in range(self.site.hosts):
            self.most[h].rows = self.total[h].total * 64 < self.total[h].grid
            if self.most[h].rows:
                again = True
                self.total[h].grid = greencloud_power(2 * self.total[h].total)
                self.total[h].total = 0
        if again:
            for i in range(n):
                at = &self.total[host[i]]
                if self.most[host[i]].rows:
                    at.total += (self.use[i] + at.grid) - at.grid
        return FINE

    cdef double most_reserved(self, int64_t start, int64_t n) noexcept nogil:
        """The greatest reservation of rows that were found sound."""
        cdef double most = 0
        cdef int64_t i, j, size
        i = start
        while i < start + n:
            size = min(<int64_t> BLOCK, start + n - i)
            _weigh(
                self.columns, self.columns.reserved, self.columns.reserved_weights, self.columns.reserves, i, size, self.reserved
            )
            for j in range(size):
                most = self.reserved[j] if self.reserved[j] > most else most
            i += size
        return most

    cdef void close(self, const Totals* of, double capacity, int64_t attributed, double x, double y) noexcept nogil:
        """Ends a window: constants, integers, remainders, and what belongs to no group."""
        cdef double a[LINE]
        cdef double b[LINE]
        cdef int64_t running[LINE]
        cdef int64_t whole[LINE]
        cdef int64_t idle = 0, embodied = 0
        cdef int64_t energy = of.dynamic + of.idle
        cdef int64_t unsold, kept, loose, rest, part
        cdef Py_ssize_t last_x = -1, last_y = -1, last
        cdef int k
        if x == 0:
            attributed = 0  # no use, or so little energy that no row's part shows on the window's grid
        if y > 0:
            idle = min(of.idle, <int64_t> rint(<double> of.idle * y / capacity)) if y < capacity else of.idle
            embodied = of.embodied
            if self.site.keep_unsold and y < capacity:
                embodied = min(embodied, <int64_t> rint(<double> of.embodied * y / capacity))
        unsold = of.idle - idle
        kept = unsold if self.site.keep_unsold or y == 0 else 0
        loose = of.dynamic - attributed
        whole[0], whole[1], whole[2], whole[6] = attributed, idle, unsold - kept, embodied
        whole[3], whole[4], whole[5] = of.overhead, of.location, of.market
        memset(a, 0, sizeof(a))
        memset(b, 0, sizeof(b))
        if x > 0:
            a[0] = <double> attributed / x
        if y > 0:
            b[1] = <double> idle / y
            b[2] = <double> (unsold - kept) / y
            b[6] = <double> embodied / y
        if energy > 0:
            for k in range(3, 6):
                a[k] = <double> whole[k] / <double> energy * a[0]
                b[k] = <double> whole[k] / <double> energy * (b[1] + b[2])
        for k in range(OUTPUTS):
            a[k] *= UNDER
            b[k] *= UNDER
        for last in range(self.columns.groups - 1, -1, -1):
            if last_x < 0 and self.pairs[2 * last] > 0:
                last_x = last
            if last_y < 0 and self.pairs[2 * last + 1] > 0:
                last_y = last
            if (last_x >= 0 or x == 0) and (last_y >= 0 or y == 0):
                break
        flush(self.pairs, self.columns.groups, a, b, self.sums, running)
        self.unattributed[0] += loose
        self.unsold[2] += kept
        self.unsold[6] += of.embodied - embodied
        for k in range(OUTPUTS):
            rest = whole[k] - running[k]
            if rest == 0:
                continue
            if 3 <= k <= 5 and (loose or kept or energy == 0):
                part = rest
                if energy and kept:
                    part = min(rest, <int64_t> rint(<double> whole[k] * <double> loose / <double> energy))
                self.unattributed[k] += part
                self.unsold[k] += rest - part
            elif k == 0:
                self.sums[last_x * LINE + k] += rest
            elif 3 <= k <= 5:
                self.sums[max(last_x, last_y) * LINE + k] += rest
            else:
                self.sums[last_y * LINE + k] += rest

    def add_to(self, int64_t[::1] out, int64_t[::1] unattributed, int64_t[::1] unsold):
        """Adds this worker's sums: output by output in ``out``, each for all groups."""
        cdef Py_ssize_t groups = self.columns.groups
        cdef Py_ssize_t g
        cdef int k
        if out.shape[0] != OUTPUTS * groups or unattributed.shape[0] != OUTPUTS or unsold.shape[0] != OUTPUTS:
            raise ValueError(f"{OUTPUTS} outputs of {groups} groups need {OUTPUTS * groups} places")
        for k in range(OUTPUTS):
            unattributed[k] += self.unattributed[k]
            unsold[k] += self.unsold[k]
            for g in range(groups):
                out[k * groups + g] += self.sums[g * LINE + k]


cdef void _offsets_of(const int32_t* host, int64_t start, int64_t n, int64_t* offsets, Py_ssize_t hosts) noexcept nogil:
    """The first row of each host, of ascending hosts."""
    cdef int64_t i
    cdef int32_t at = 0
    offsets[0] = start
    for i in range(n):
        while at < host[i]:
            at += 1
            offsets[at] = start + i
    while at < hosts:
        at += 1
        offsets[at] = start + n


def _refuse_order(const int32_t[::1] window, Py_ssize_t windows):
    cdef Py_ssize_t i
    for i in range(window.shape[0]):
        if not 0 <= window[i] < windows:
            raise _refused(i, f"window {window[i]} is not one of {windows}", "codes count from 0")
        if i and window[i] < window[i - 1]:
            raise _refused(i, f"window {window[i]} follows {window[i - 1]}", "sort the rows by window, or prepare() them")
    raise AssertionError("windows are in order, and a pass found otherwise; another thread may have written to them")


def bounds_of(const int32_t[::1] window, Py_ssize_t windows):
    """The first row of each window, of a column that should be sorted by window; the pass finds out whether it is."""
    cdef Py_ssize_t n = window.shape[0]
    cdef int64_t low = 0, high, step, middle
    cdef Py_ssize_t w
    result = array("q", bytes(8 * (windows + 1)))
    cdef int64_t[::1] bounds = result
    for w in range(1, windows):
        step = 1024
        high = low
        while high < n and window[high] < w:
            low = high
            high = min(<int64_t> n, high + step)
            step *= 2
        while low < high:
            middle = (low + high) // 2
            if window[middle] < w:
                low = middle + 1
            else:
                high = middle
        bounds[w] = low
    bounds[windows] = n
    return result


def offsets_of(const int32_t[::1] window, const int32_t[::1] host, Py_ssize_t windows, Py_ssize_t hosts):
    cdef Py_ssize_t n = window.shape[0]
    cdef Py_ssize_t i
    cdef Py_ssize_t bad = -1
    if host.shape[0] != n:
        raise UsageDataError(f"window and host have {n} and {host.shape[0]} rows", advice="give columns of one length")
    result = array("q", bytes(8 * (windows * hosts + 1)))
    cdef int64_t[::1] offsets = result
    with nogil:
        for i in range(n):
            if not (0 <= window[i] < windows and 0 <= host[i] < hosts):
                bad = i
                break
            offsets[window[i] * hosts + host[i] + 1] += 1
        for i in range(windows * hosts):
            offsets[i + 1] += offsets[i]
    if bad >= 0:
        if not 0 <= window[bad] < windows:
            raise _refused(bad, f"window {window[bad]} is not one of {windows}", "codes count from 0")
        raise _refused(bad, f"host {host[bad]} is not one of {hosts}", "codes count from 0")
    return result


def sorted_codes(const int32_t[::1] codes):
    return bool(ascending(&codes[0], codes.shape[0])) if codes.shape[0] else True


def order(source, out, const int32_t[::1] codes, const int64_t[::1] offsets, Py_ssize_t width):
    cdef const unsigned char[::1] old = source
    cdef unsigned char[::1] new = out
    cdef Py_ssize_t n = codes.shape[0]
    cdef Py_ssize_t size = old.shape[0] // n if n else 4
    cdef Py_ssize_t part
    cdef int64_t i
    cdef bint astray = False
    if new.shape[0] != old.shape[0] or old.shape[0] != n * size or size not in (4, 8):
        raise UsageDataError(
            f"a column has {old.shape[0]} bytes for {n} rows", advice="give columns of one length, of 4 or 8 bytes an item"
        )
    if width < 0 or (offsets.shape[0] - 1) % max(width, 1):
        raise ValueError(f"{offsets.shape[0]} offsets are not those of parts of {width} codes")
    if n == 0 or width == 0:
        return
    cdef int64_t* next_ = <int64_t*> malloc((width + 1) * sizeof(int64_t))
    if next_ == NULL:
        raise MemoryError
    with nogil:
        for part in range((offsets.shape[0] - 1) // width):
            if offsets[part * width] < 0 or offsets[(part + 1) * width] > n:
                astray = True
                break
            for i in range(width):
                next_[i] = offsets[part * width + i]
            for i in range(offsets[part * width], offsets[(part + 1) * width]):
                # Whatever the codes are, nothing is written out of bounds.
                if not (0 <= codes[i] < width and 0 <= next_[codes[i]] < n):
                    astray = True
                    break
                if size == 8:
                    (<int64_t*> &new[0])[next_[codes[i]]] = (<const int64_t*> &old[0])[i]
                else:
                    (<int32_t*> &new[0])[next_[codes[i]]] = (<const int32_t*> &old[0])[i]
                next_[codes[i]] += 1
            if astray:
                break
    free(next_)
    if astray:
        raise ValueError("codes and offsets do not belong together; another thread may have written to them")
