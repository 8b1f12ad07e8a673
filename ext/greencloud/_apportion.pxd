from libc.stdint cimport int64_t

cdef extern from *:
    """
    typedef unsigned __int128 greencloud_u128;
    """
    # Cython knows no 128-bit type; the name is what reaches C, the size here is only a lower bound. Never made a Python object.
    ctypedef unsigned long long u128 "greencloud_u128"

cdef void largest_remainder(
    int64_t total, u128 weight_sum, const int64_t* weights, Py_ssize_t n, int64_t* out, u128* remainders, Py_ssize_t* heap
) noexcept nogil
