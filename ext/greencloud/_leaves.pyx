# cython: language_level=3, boundscheck=False, wraparound=False
"""The leaves of one account's claim, from its uses: how much of each service was for what.

Uses and leaves are tuples, made and taken apart here by place: a window has some ten thousand claims of a few leaves each, and in
Python the names alone take most of the time. Weights are Python's integers, because a tenant may report anything.
"""

from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t

from greencloud._apportion cimport largest_remainder, u128

cdef enum:
    SERVICE = 2
    SKU = 3
    OPERATION = 4
    LABELS = 5
    PROVIDER = 7
    ESTIMATED = 8
    AMOUNTS = 9
    WEIGHT = 10
    USE = 11
    LEAF_WEIGHT = 5
    MOST = 64
    OPERATIONS = 5  # of amounts

cdef frozenset NONE = frozenset()
cdef frozenset GUESSED = frozenset(("estimated",))


cdef inline tuple _key(tuple use):
    return (
        <object> PyTuple_GET_ITEM(use, SERVICE),
        <object> PyTuple_GET_ITEM(use, SKU),
        <object> PyTuple_GET_ITEM(use, OPERATION),
        <object> PyTuple_GET_ITEM(use, LABELS),
    )


cdef inline object _leaf(type kind, str account, tuple key, object weight, object operations, frozenset flags):
    return tuple.__new__(kind, (account, key[0], key[1], key[2], key[3], weight, operations, flags))


cdef list _parts(object total, list weights, apportion):
    """``apportion`` on the stack, where there are few weights and all fits; the same parts."""
    cdef int64_t[MOST] given
    cdef int64_t[MOST] out
    cdef u128[MOST] remainders
    cdef Py_ssize_t[MOST] heap
    cdef u128 whole = 0
    cdef Py_ssize_t i, n = len(weights)
    if n > MOST or not 0 <= total <= INT64_MAX:
        return apportion(total, weights)
    for i in range(n):
        if not 0 <= weights[i] <= INT64_MAX:
            return apportion(total, weights)
        given[i] = weights[i]
        whole += <u128> given[i]
    if whole == 0:
        return apportion(total, weights)
    largest_remainder(total, whole, given, n, out, remainders, heap)
    return [out[i] for i in range(n)]


def leaves_of(str account not None, list uses not None, reserved, type kind not None, apportion):
    cdef list leaves = own_leaves(account, uses, kind, apportion)
    cdef list named
    for leaf in leaves:
        if <object> PyTuple_GET_ITEM(<tuple> leaf, LEAF_WEIGHT):
            return tuple(leaves)
    named = [each for each in reserved if each[1]] or [("", 1)]
    for service, weight in named:
        leaves.append(_leaf(kind, account, (service, "", "", "{}"), weight, 0, NONE))
    return tuple(leaves)


def own_leaves(str account not None, list uses not None, type kind not None, apportion):
    cdef dict weights = {}
    cdef tuple use, key
    cdef object held
    cdef bint told = False
    for item in uses:
        if not isinstance(item, tuple) or PyTuple_GET_SIZE(<tuple> item) != USE:
            raise ValueError("what is given is no use")
        if not <object> PyTuple_GET_ITEM(<tuple> item, PROVIDER):
            told = True
    if told:
        return _divided(account, uses, kind, apportion)
    for item in uses:
        use = <tuple> item
        key = _key(use)
        held = weights.get(key)
        weights[key] = <object> PyTuple_GET_ITEM(use, WEIGHT) if held is None else held + <object> PyTuple_GET_ITEM(use, WEIGHT)
    return [_leaf(kind, account, <tuple> key, weights[key], 0, NONE) for key in sorted(weights)]


cdef list _divided(str account, list uses, type kind, apportion):
    """Where the account reports: its rows divide what the provider measured of each service."""
    cdef dict sums = {}  # key: [weight, count, estimated]
    cdef dict measured = {}  # service: {key: weight}
    cdef dict reported = {}  # service: weight
    cdef dict by_service = {}  # service: the keys of its reports
    cdef dict own
    cdef list leaf, keys, told
    cdef tuple use, key
    cdef object service, weight, whole, missing
    for item in uses:
        use = <tuple> item
        key = _key(use)
        service = key[0]
        weight = <object> PyTuple_GET_ITEM(use, WEIGHT)
        if <object> PyTuple_GET_ITEM(use, PROVIDER):
            own = measured.get(service)
            if own is None:
                own = measured[service] = {}
            own[key] = own.get(key, 0) + weight
            continue
        reported[service] = reported.get(service, 0) + weight
        leaf = sums.get(key)
        if leaf is None:
            leaf = sums[key] = [0, 0, False]
            by_service.setdefault(service, []).append(key)
        leaf[0] += weight
        leaf[1] += (<object> PyTuple_GET_ITEM(use, AMOUNTS))[OPERATIONS]
        if <object> PyTuple_GET_ITEM(use, ESTIMATED):
            leaf[2] = True
    for service, found in measured.items():
        own = <dict> found
        keys = sorted(own)
        whole = sum(own.values())
        if reported.get(service, 0) > whole:
            told = sorted(by_service[service])
            for key, part in zip(told, _parts(whole, [sums[each][0] for each in told], apportion)):
                sums[key][0] = part
        missing = whole - reported.get(service, 0)
        if missing > 0:
            for key, part in zip(keys, _parts(missing, [own[each] for each in keys], apportion)):
                leaf = sums.get(key)
                if leaf is None:
                    leaf = sums[key] = [0, 0, False]
                leaf[0] += part
    return [
        _leaf(kind, account, <tuple> key, sums[key][0], sums[key][1], GUESSED if sums[key][2] else NONE) for key in sorted(sums)
    ]
