/* Included once for each instruction set by _fleet.h, which names the results. */

#ifdef GREENCLOUD_AVX2
/* What gcc 12 does not find by itself. */
#define FOUR_float(at) ((v4d) _mm256_cvtps_pd(_mm_loadu_ps(at)))
#define GREATER(a, b) ((v4d) _mm256_max_pd((__m256d) (a), (__m256d) (b)))
#else
#define FOUR_float(at) __builtin_convertvector(*(const v4f *) (at), v4d)
#define GREATER(a, b) ((v4d) (((v4q) (a) & ((a) > (b))) | ((v4q) (b) & ~((a) > (b)))))
#endif
#define FOUR_double(at) (*(const v4d *) (at))

/* Weighted sums of one to four columns; with `more`, of one column on top of what is there. True where an item may be negative,
 * infinite or not a number: adding one to the exponent carries into the sign bit where all its bits are set. (Also for -0.0: the
 * caller looks again, item by item.) */

#define SUSPECT_float(at)                     \
    do {                                      \
        v8u b = *(const v8u *) (at);          \
        suspect |= b | (b + 0x00800000U);     \
    } while (0)
#define SUSPECT_double(at)                                                                                  \
    do {                                                                                                    \
        v4u b = *(const v4u *) (at), c = *(const v4u *) ((at) + 4);                                         \
        suspect |= (b | (b + 0x0010000000000000ULL)) | (c | (c + 0x0010000000000000ULL));                   \
    } while (0)

#define WEIGH(real, bits, lanes)                                                                                    \
    static inline __attribute__((always_inline)) int LOOP(weigh_these_##real)(                                      \
        const real *const *columns, const double *weights, int count, int more, int64_t n, double *out) {          \
        bits suspect = {0};                                                                                         \
        int64_t i = 0;                                                                                              \
        int k, any = 0;                                                                                             \
        for (; i + 8 <= n; i += 8) {                                                                                \
            v4d low = {0}, high = {0};                                                                              \
            if (more) {                                                                                             \
                low = *(const v4d *) (out + i);                                                                     \
                high = *(const v4d *) (out + i + 4);                                                                \
            }                                                                                                       \
            for (k = 0; k < count; k++) {                                                                           \
                SUSPECT_##real(columns[k] + i);                                                                     \
                low += FOUR_##real(columns[k] + i) * weights[k];                                                    \
                high += FOUR_##real(columns[k] + i + 4) * weights[k];                                               \
            }                                                                                                       \
            *(v4d *) (out + i) = low;                                                                               \
            *(v4d *) (out + i + 4) = high;                                                                          \
        }                                                                                                           \
        for (k = 0; k < lanes; k++)                                                                                 \
            any |= suspect[k] >> (8 * sizeof(suspect[k]) - 1) != 0;                                                         \
        for (; i < n; i++) {                                                                                        \
            double sum = more ? out[i] : 0.0;                                                                       \
            for (k = 0; k < count; k++) {                                                                           \
                any |= !(columns[k][i] >= 0 && columns[k][i] <= DBL_MAX);                                           \
                sum += (double) columns[k][i] * weights[k];                                                         \
            }                                                                                                       \
            out[i] = sum;                                                                                           \
        }                                                                                                           \
        return any;                                                                                                 \
    }                                                                                                               \
    static int LOOP(weigh_##real)(                                                                                  \
        const real *const *columns, const double *weights, int count, int more, int64_t n, double *out) {          \
        if (more)                                                                                                   \
            return LOOP(weigh_these_##real)(columns, weights, 1, 1, n, out);                                        \
        switch (count) { /* constants, so that each is unrolled */                                                  \
            case 1: return LOOP(weigh_these_##real)(columns, weights, 1, 0, n, out);                                \
            case 2: return LOOP(weigh_these_##real)(columns, weights, 2, 0, n, out);                                \
            case 3: return LOOP(weigh_these_##real)(columns, weights, 3, 0, n, out);                                \
            default: return LOOP(weigh_these_##real)(columns, weights, 4, 0, n, out);                               \
        }                                                                                                           \
    }

WEIGH(float, v8u, 8)
WEIGH(double, v4u, 4)

/* The highest of n codes, a negative one counting as more than any. */
static uint32_t LOOP(highest)(const int32_t *codes, int64_t n) {
    uint32_t most = 0;
    int64_t i;
    for (i = 0; i < n; i++)
        most = (uint32_t) codes[i] > most ? (uint32_t) codes[i] : most;
    return most;
}

/* Whether all n codes are this one. */
static int LOOP(all_are)(const int32_t *codes, int32_t code, int64_t n) {
    int32_t other = 0;
    int64_t i;
    for (i = 0; i < n; i++)
        other |= codes[i] ^ code;
    return other == 0;
}

/* Whether n codes never go back: soon known where they are mixed. */
static int LOOP(ascending)(const int32_t *codes, int64_t n) {
    int64_t i = 1;
    while (i < n) {
        int64_t end = i + 256 < n ? i + 256 : n;
        int back = 0;
        for (; i < end; i++)
            back |= codes[i] < codes[i - 1];
        if (back)
            return 0;
    }
    return 1;
}

static inline double LOOP(greatest)(const double *use, int64_t n) {
    v4d most = {0};
    double low, high;
    int64_t i;
    for (i = 0; i < n; i += 4) {
        v4d next = *(const v4d *) (use + i);
        if (n - i < 4)
            next = (v4d) ((v4q) next & *(const v4q *) (greencloud_lanes + 4 - (n - i)));
        most = GREATER(next, most);
    }
    low = most[0] > most[1] ? most[0] : most[1];
    high = most[2] > most[3] ? most[2] : most[3];
    return low > high ? low : high;
}

static inline double LOOP(sum_on_grid)(const double *use, int64_t n, double grid) {
    v4d sums = {0}, m = {grid, grid, grid, grid};
    int64_t i;
    for (i = 0; i < n; i += 4) {
        v4d next = *(const v4d *) (use + i);
        if (n - i < 4)
            next = (v4d) ((v4q) next & *(const v4q *) (greencloud_lanes + 4 - (n - i)));
        sums += (next + m) - m;
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* Parts of the dynamic energy of whole hosts whose rows lie together: part = use * dynamic / (sum of use on the host), on the
 * window's grid. Returns the energy of the hosts that have use, or -1 where a weight is refused. `use` may be read, and `part`
 * written, up to 3 items past the end. */
static int64_t LOOP(parts_by_host)(
    const double *use, const int64_t *offsets, int64_t hosts, const int64_t *dynamic, double grid, double *part) {
    const v4d m = {grid, grid, grid, grid};
    int64_t attributed = 0, h, i;
    for (h = 0; h < hosts; h++) {
        int64_t start = offsets[h] - offsets[0], n = offsets[h + 1] - offsets[h];
        double most, sum, each, coarse;
        if (n == 0)
            continue;
        most = LOOP(greatest)(use + start, n);
        if (!(most <= GREENCLOUD_MOST))
            return -1;
        coarse = greencloud_power((double) n * most);
        sum = LOOP(sum_on_grid)(use + start, n, coarse);
        if (sum * 64 < coarse) /* one large and very many small: once more, on a finer grid */
            sum = LOOP(sum_on_grid)(use + start, n, greencloud_power(2 * sum));
        each = 0;
        if (sum >= GREENCLOUD_LEAST) {
            each = (double) dynamic[h] / sum;
            attributed += dynamic[h];
        }
        for (i = start; i < start + n; i += 4) /* what is written too far, the next host writes again */
            *(v4d *) (part + i) = (*(const v4d *) (use + i) * each + m) - m;
    }
    return attributed;
}

static inline void LOOP(add_pair)(double *pairs, int32_t group, v2d pair) {
    v2d *at = (v2d *) (pairs + 2 * (int64_t) group);
    *at = *at + pair;
}

/* Adds each row's part and its reservation, the latter brought to its grid, to the pair of its group, and to the totals. */
static int LOOP(scatter)(
    const double *part, const double *reserved, const int32_t *group, int64_t n, double grid, double *pairs, double *totals) {
    v2d m = {grid, grid}, xs = {0}, ys = {0};
    int64_t i = 0;
    for (; i + 2 <= n; i += 2) {
        v2d x = *(const v2d *) (part + i);
        v2d y = (*(const v2d *) (reserved + i) + m) - m;
        xs += x;
        ys += y;
        LOOP(add_pair)(pairs, group[i], (v2d) {x[0], y[0]});
        LOOP(add_pair)(pairs, group[i + 1], (v2d) {x[1], y[1]});
    }
    totals[0] += xs[0] + xs[1];
    totals[1] += ys[0] + ys[1];
    if (i < n) {
        v2d last = {part[i], (reserved[i] + grid) - grid};
        LOOP(add_pair)(pairs, group[i], last);
        totals[0] += last[0];
        totals[1] += last[1];
    }
    return 0;
}

/* Ends a window: turns the pairs (x, y) of its groups into integers by rounding the running total x * a + y * b of each of eight
 * outputs and adding the differences, and clears the pairs. `running` is what the totals came to, below 2**52: there, adding
 * 2**52 rounds to the nearest integer and leaves it in the low bits. */
static int LOOP(flush)(double *pairs, int64_t groups, const double *a, const double *b, int64_t *sums, int64_t *running) {
    const v4d a0 = *(const v4d *) a, a1 = *(const v4d *) (a + 4), b0 = *(const v4d *) b, b1 = *(const v4d *) (b + 4);
    const v4d whole = {0x1p52, 0x1p52, 0x1p52, 0x1p52};
    v4q t0 = (v4q) whole, t1 = (v4q) whole;
    double x = 0, y = 0;
    int64_t g;
    for (g = 0; g < groups; g++) {
        double dx = pairs[2 * g], dy = pairs[2 * g + 1];
        v4d xs, ys;
        v4q n0, n1, *out = (v4q *) (sums + 8 * g);
        if (dx + dy == 0) /* neither is negative */
            continue;
        pairs[2 * g] = pairs[2 * g + 1] = 0;
        x += dx;
        y += dy;
        xs = (v4d) {x, x, x, x};
        ys = (v4d) {y, y, y, y};
        n0 = (v4q) ((xs * a0 + ys * b0) + whole);
        n1 = (v4q) ((xs * a1 + ys * b1) + whole);
        out[0] += n0 - t0;
        out[1] += n1 - t1;
        t0 = n0;
        t1 = n1;
    }
    *(v4q *) running = t0 - (v4q) whole;
    *(v4q *) (running + 4) = t1 - (v4q) whole;
    return 0;
}

#undef FOUR_float
#undef FOUR_double
#undef GREATER
#undef SUSPECT_float
#undef SUSPECT_double
#undef WEIGH
