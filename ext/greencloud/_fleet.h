/* The loops of the fleet pass that must run at memory speed (the model is in _fleet.pyx, the loops in _fleet_loops.h).
 *
 * The loops are written once, over vectors of four doubles that gcc and clang lower to what the machine has, and compiled twice on
 * x86-64: for AVX2, and for the plain instruction set; greencloud_wide chooses at run time. Both give the same bits: no loop may use
 * a fused multiply-add, and every sum is exact (see "grid" below), so the number of lanes cannot show.
 */
#ifndef GREENCLOUD_FLEET_H
#define GREENCLOUD_FLEET_H

#include <float.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "the fleet pass needs doubles that are rounded to double (FLT_EVAL_METHOD 0)"
#endif

typedef double v4d __attribute__((vector_size(32), aligned(8), may_alias));
typedef double v2d __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64_t v4q __attribute__((vector_size(32), aligned(8), may_alias));
typedef uint64_t v4u __attribute__((vector_size(32), aligned(8), may_alias));
typedef uint32_t v8u __attribute__((vector_size(32), aligned(4), may_alias));
typedef float v4f __attribute__((vector_size(16), aligned(4), may_alias));

#define GREENCLOUD_LEAST 0x1p-500 /* a host's use below this is none */
#define GREENCLOUD_MOST 0x1p440   /* a weight above this is refused, so that no sum of weights overflows */

/* Grid: (x + m) - m rounds 0 <= x <= m to a multiple of m * 2**-52, m a power of two. Sums of such numbers up to 2 * m are exact,
 * so they come to the same bits in any order. */
static inline double greencloud_power(double at_least) {
    uint64_t bits;
    memcpy(&bits, &at_least, 8);
    bits = (bits + 0x000FFFFFFFFFFFFFULL) & 0x7FF0000000000000ULL;
    memcpy(&at_least, &bits, 8);
    return at_least;
}

/* All ones in the first lanes, for the rest of a loop. */
static const int64_t greencloud_lanes[8] = {-1, -1, -1, -1, 0, 0, 0, 0};

/* Asks for memory that the next block will read, so that it comes while this block is worked on in the cache. */
static inline void fetch(const void *from, int64_t bytes) {
    int64_t i;
    for (i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *) from + i, 0, 2);
}

static int greencloud_wide = 0;

#define LOOP(name) name##_plain
#include "_fleet_loops.h"
#undef LOOP

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#define LOOP(name) name##_avx2
#define GREENCLOUD_AVX2
#include "_fleet_loops.h"
#undef GREENCLOUD_AVX2
#undef LOOP
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#define CHOOSE(name, ...) (greencloud_wide ? name##_avx2(__VA_ARGS__) : name##_plain(__VA_ARGS__))
static int greencloud_has_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") != 0;
}
#else
#define CHOOSE(name, ...) name##_plain(__VA_ARGS__)
static int greencloud_has_avx2(void) { return 0; }
#endif

#define weigh_float(...) CHOOSE(weigh_float, __VA_ARGS__)
#define weigh_double(...) CHOOSE(weigh_double, __VA_ARGS__)
#define highest(...) CHOOSE(highest, __VA_ARGS__)
#define all_are(...) CHOOSE(all_are, __VA_ARGS__)
#define ascending(...) CHOOSE(ascending, __VA_ARGS__)
#define parts_by_host(...) CHOOSE(parts_by_host, __VA_ARGS__)
#define scatter(...) CHOOSE(scatter, __VA_ARGS__)
#define flush(...) CHOOSE(flush, __VA_ARGS__)

#endif
