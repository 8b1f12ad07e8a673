# cython: language_level=3, boundscheck=False, wraparound=False
"""Rows of usage as uses: one tuple for each thing that an account used on a host, added up and weighed.

Amounts are Python's integers, because two rows at the end of int64 are still only two large rows. The rows' texts are shared, not
copied. A weight is floored once, after the adding up, so that order and splitting cannot be seen in it.
"""

from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE

cdef enum:
    NAMES = 9  # host, account, service, sku, operation, labels, caller, source, quality
    COLUMNS = 15


cdef inline object _at(object column, Py_ssize_t row):
    return <object> PyList_GET_ITEM(<list> column, row)


cdef object _weight(int alone, bint with_memory, list amounts, tuple factors):
    """``alone``: the place of the one amount that counts, by the GiB; -1 where all do. ``factors``: of each, and their scale."""
    cdef object found
    cdef int place
    if alone >= 0:
        return amounts[alone] * 1_000_000_000 >> 30
    found = factors[0] * amounts[0]
    for place in range(1, 5):
        if amounts[place] and (place != 1 or with_memory):
            found += factors[place] * amounts[place]
    return found // factors[5]


def uses_of(
    list columns not None, dict ids not None, str unlisted not None, mode_of, tuple factors not None, type use, type amounts
):
    cdef Py_ssize_t n, row, k
    cdef list keyed = [], found = [], held
    cdef tuple key
    cdef object host = None, last = None, first, estimated, used, weight
    cdef int place, alone = -1
    cdef bint with_memory = False
    if len(columns) != COLUMNS or len(factors) != 6:
        raise ValueError(f"{len(columns)} columns and {len(factors)} factors, not {COLUMNS} and 6")
    for column in columns:
        if not isinstance(column, list) or PyList_GET_SIZE(<list> column) != PyList_GET_SIZE(<list> columns[0]):
            raise ValueError("columns are not lists of one length")
    n = PyList_GET_SIZE(<list> columns[0])
    for row in range(n):
        first = _at(columns[0], row)
        if first is not last:
            last, host = first, ids.get(first, unlisted)
        estimated = "estimated" if _at(columns[8], row) == "estimated" else ""
        key = (
            host,
            _at(columns[1], row),
            _at(columns[2], row),
            _at(columns[3], row),
            _at(columns[4], row),
            _at(columns[5], row),
            _at(columns[6], row),
            _at(columns[7], row),
            estimated,
        )
        keyed.append((key, row))
    keyed.sort()
    row = 0
    last = None
    while row < n:
        key = (<tuple> keyed[row])[0]
        k = (<tuple> keyed[row])[1]
        held = [_at(columns[NAMES], k), _at(columns[NAMES + 1], k), _at(columns[NAMES + 2], k)]
        held += [_at(columns[NAMES + 3], k), _at(columns[NAMES + 4], k), _at(columns[NAMES + 5], k)]
        row += 1
        while row < n and (<tuple> keyed[row])[0] == key:
            k = (<tuple> keyed[row])[1]
            for place in range(6):
                held[place] += _at(columns[NAMES + place], k)
            row += 1
        host = key[0]
        if last is None or host != last:
            last = host
            alone, with_memory = mode_of(host)
        used = tuple.__new__(amounts, held)
        weight = _weight(alone, with_memory, held, factors)
        found.append(
            tuple.__new__(
                use,
                (host, key[1], key[2], key[3], key[4], key[5], key[6], key[7] == "provider", key[8] != "", used, weight),
            )
        )
    return found
