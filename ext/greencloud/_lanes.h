/* The two inner loops of the Shapley kernels, eight or four integers at a time.
 *
 * Everything is integer addition and maximum, so every instruction set gives the same bits; only the speed differs. The loops below
 * are compiled twice: for the machine that the wheel is built for, and, on x86-64, for AVX2, which is taken where the processor has
 * it. Buffers are aligned to 64 bytes: a row of a tile is two cache lines.
 */
#ifndef GREENCLOUD_LANES
#define GREENCLOUD_LANES

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GREENCLOUD_TILE 32  /* slices: 32-bit sums of one tile fill four registers of AVX2, and their totals four more */
#define GREENCLOUD_BLOCK 16 /* coalitions: 64-bit values of one block fill four registers */

typedef int32_t greencloud_i32s __attribute__((vector_size(32), may_alias));
typedef int64_t greencloud_i64s __attribute__((vector_size(32), may_alias));

#if defined(__clang__)
#define GREENCLOUD_PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define GREENCLOUD_PICK(a, b, ...) __builtin_shuffle(a, b, (greencloud_i32s){__VA_ARGS__})
#endif
#define GREENCLOUD_LARGER(a, b) (((a) & ((a) > (b))) | ((b) & ~((a) > (b))))

#define LANES(name) name##_plain
#define LANES_TARGET
#define LARGER32(a, b) GREENCLOUD_LARGER(a, b)
#include "_lanes.h"
#undef LANES
#undef LANES_TARGET
#undef LARGER32

#if defined(__x86_64__)
#include <immintrin.h>
#define LANES(name) name##_avx2
#define LANES_TARGET __attribute__((target("avx2")))
#define LARGER32(a, b) ((greencloud_i32s)_mm256_max_epi32((__m256i)(a), (__m256i)(b)))
#include "_lanes.h"
#define GREENCLOUD_BEST(name, ...)                                                                                                 \
    if (__builtin_cpu_supports("avx2")) {                                                                                          \
        name##_avx2(__VA_ARGS__);                                                                                                  \
        return;                                                                                                                    \
    }                                                                                                                              \
    name##_plain(__VA_ARGS__)
#else
#define GREENCLOUD_BEST(name, ...) name##_plain(__VA_ARGS__)
#endif

static inline void greencloud_tile(const int32_t *tile, const int32_t *order, ptrdiff_t n, const int32_t *totals, int32_t *grown,
                            int32_t *left) {
    GREENCLOUD_BEST(greencloud_tile, tile, order, n, totals, grown, left);
}

static inline void greencloud_block(const int64_t *table, ptrdiff_t slices, ptrdiff_t blocks, const int64_t *sums, int64_t *values) {
    GREENCLOUD_BEST(greencloud_block, table, slices, blocks, sums, values);
}

#else /* the loops, once for each target */

/* Adds the rows of a tile in an order. grown[k] becomes the larger of itself and the peak of the first k + 1 rows together; left[k]
 * the larger of itself and the peak of all the others, which is total minus sum: the reversed order costs no second pass.
 */
LANES_TARGET static inline void LANES(greencloud_tile)(const int32_t *tile, const int32_t *order, ptrdiff_t n, const int32_t *totals,
                                                int32_t *grown, int32_t *left) {
    const greencloud_i32s *t = (const greencloud_i32s *)totals;
    greencloud_i32s a = {0}, b = {0}, c = {0}, d = {0};
    for (ptrdiff_t k = 0; k < n; k++) {
        const greencloud_i32s *row = (const greencloud_i32s *)(tile + (ptrdiff_t)order[k] * GREENCLOUD_TILE);
        a += row[0];
        b += row[1];
        c += row[2];
        d += row[3];
        greencloud_i32s e = t[0] - a, f = t[1] - b, g = t[2] - c, h = t[3] - d;
        greencloud_i32s ab = LARGER32(a, b), cd = LARGER32(c, d), ef = LARGER32(e, f), gh = LARGER32(g, h);
        greencloud_i32s up = LARGER32(ab, cd), down = LARGER32(ef, gh);
        /* both maxima fold together: lanes 0 to 3 hold the one, 4 to 7 the other */
        greencloud_i32s low = GREENCLOUD_PICK(up, down, 0, 1, 2, 3, 8, 9, 10, 11);
        greencloud_i32s high = GREENCLOUD_PICK(up, down, 4, 5, 6, 7, 12, 13, 14, 15);
        low = LARGER32(low, high);
        high = GREENCLOUD_PICK(low, low, 2, 3, 0, 1, 6, 7, 4, 5);
        low = LARGER32(low, high);
        high = GREENCLOUD_PICK(low, low, 1, 0, 3, 2, 5, 4, 7, 6);
        low = LARGER32(low, high);
        grown[k] = low[0] > grown[k] ? low[0] : grown[k];
        left[k] = low[4] > left[k] ? low[4] : left[k];
    }
}

/* values[j] = max over slices of sums[slice] + table[j / 16][slice][j % 16]. */
LANES_TARGET static inline void LANES(greencloud_block)(const int64_t *table, ptrdiff_t slices, ptrdiff_t blocks, const int64_t *sums,
                                                 int64_t *values) {
    const greencloud_i64s *row = (const greencloud_i64s *)table;
    greencloud_i64s *out = (greencloud_i64s *)values;
    for (ptrdiff_t block = 0; block < blocks; block++, out += 4) {
        greencloud_i64s a = {0}, b = {0}, c = {0}, d = {0};
        for (ptrdiff_t slice = 0; slice < slices; slice++, row += 4) {
            greencloud_i64s e = row[0] + sums[slice], f = row[1] + sums[slice];
            greencloud_i64s g = row[2] + sums[slice], h = row[3] + sums[slice];
            a = GREENCLOUD_LARGER(e, a);
            b = GREENCLOUD_LARGER(f, b);
            c = GREENCLOUD_LARGER(g, c);
            d = GREENCLOUD_LARGER(h, d);
        }
        out[0] = a;
        out[1] = b;
        out[2] = c;
        out[3] = d;
    }
}

#endif
