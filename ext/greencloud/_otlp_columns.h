/* Columns that grow, and dictionaries of texts, for what is decoded.

A dictionary gives each distinct text a number in the order of first sight. Senders choose the texts, so the hash has a seed of the
process. What a request added can be taken back, newest first, which leaves a table as if it had never been there.
*/
#ifndef GREENCLOUD_OTLP_COLUMNS_H
#define GREENCLOUD_OTLP_COLUMNS_H

#include <stdlib.h>

#include "_wire.h"

/* Memory is kept for the next request up to this, and beyond it while it is in use: at each clearing what was in use counts, and
what was so before at three quarters. So one giant request is not paid for ever, and a sender of giant ones does not pay for each.
*/
#define GC_KEEP_ROWS (1u << 16)
#define GC_KEEP_BYTES (1u << 22)

static inline int gc_too_roomy(size_t room, size_t used, size_t* recent, size_t keep) {
    size_t before = *recent - *recent / 4;
    *recent = used > before ? used : before;
    return room > keep && room / 8 > *recent;
}

typedef struct {
    uint8_t* bytes; /* all texts, end to end */
    size_t used, room;
    size_t* ends;   /* where each ends */
    uint64_t* hashes;
    size_t count, most;
    int32_t* slots; /* numbers + 1, open addressing; a power of two, at most half full */
    size_t mask;
    uint64_t seed;
    size_t recent_bytes, recent_count;
} gc_texts;

static inline uint64_t gc_mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The last block overlaps the one before it; the length makes the difference. */
static inline uint64_t gc_hash(uint64_t seed, const uint8_t* p, size_t length) {
    uint64_t block = 0, h = seed ^ gc_mix(length + 0x9e3779b97f4a7c15u, seed | 1);
    if (length >= 8) {
        for (size_t i = 0; i + 8 < length; i += 8) h = gc_mix(h ^ gc_load8(p + i), 0xe7037ed1a0b428dbu ^ seed);
        block = gc_load8(p + length - 8);
    } else if (length >= 4) {
        block = gc_load4(p) << 32 | gc_load4(p + length - 4);
    } else if (length) {
        block = (uint64_t)p[0] << 16 | (uint64_t)p[length / 2] << 8 | p[length - 1];
    }
    return gc_mix(h ^ block ^ 0x8ebc6af09c88c6e3u, 0x589965cc75374cc3u ^ (seed >> 1));
}

static void gc_texts_free(gc_texts* t) {
    free(t->bytes);
    free(t->ends);
    free(t->hashes);
    free(t->slots);
    uint64_t seed = t->seed;
    memset(t, 0, sizeof *t);
    t->seed = seed;
}

static inline size_t gc_text_at(const gc_texts* t, size_t number) { return number ? t->ends[number - 1] : 0; }

static inline size_t gc_slot(const gc_texts* t, uint64_t hash, const uint8_t* p, size_t length) {
    size_t at = hash & t->mask;
    for (;;) {
        int32_t found = t->slots[at];
        if (!found) return at;
        size_t number = (size_t)found - 1, from = gc_text_at(t, number);
        if (t->hashes[number] == hash && t->ends[number] - from == length && gc_same(t->bytes + from, p, length))
            return at;
        at = (at + 1) & t->mask;
    }
}

static int gc_texts_rehash(gc_texts* t, size_t slots) {
    int32_t* fresh = calloc(slots, sizeof *fresh);
    if (!fresh) return 0;
    free(t->slots);
    t->slots = fresh;
    t->mask = slots - 1;
    for (size_t number = 0; number < t->count; number++) { /* in order, so that the newest can be taken out first */
        size_t at = t->hashes[number] & t->mask;
        while (fresh[at]) at = (at + 1) & t->mask;
        fresh[at] = (int32_t)number + 1;
    }
    return 1;
}

/* The number of a text, or -1 without memory. */
static int32_t gc_number_of(gc_texts* t, const uint8_t* p, size_t length) {
    if (t->count * 2 >= (t->slots ? t->mask + 1 : 0) && !gc_texts_rehash(t, t->slots ? 2 * (t->mask + 1) : 64)) return -1;
    uint64_t hash = gc_hash(t->seed, p, length);
    size_t at = gc_slot(t, hash, p, length);
    if (t->slots[at]) return t->slots[at] - 1;
    if (t->used + length > t->room || !t->bytes) {
        size_t room = 2 * t->room > t->used + length ? 2 * t->room : t->used + length + 1024;
        uint8_t* fresh = realloc(t->bytes, room);
        if (!fresh) return -1;
        t->bytes = fresh;
        t->room = room;
    }
    if (t->count == t->most) {
        size_t most = t->most ? 2 * t->most : 64;
        size_t* ends = realloc(t->ends, most * sizeof *ends);
        if (!ends) return -1;
        t->ends = ends;
        uint64_t* hashes = realloc(t->hashes, most * sizeof *hashes);
        if (!hashes) return -1;
        t->hashes = hashes;
        t->most = most;
    }
    if (length) memcpy(t->bytes + t->used, p, length);
    t->used += length;
    t->ends[t->count] = t->used;
    t->hashes[t->count] = hash;
    t->slots[at] = (int32_t)++t->count;
    return (int32_t)t->count - 1;
}

/* Take back all but the first texts. */
static void gc_texts_cut(gc_texts* t, size_t count) {
    while (t->count > count) {
        size_t number = t->count - 1, from = gc_text_at(t, number);
        t->slots[gc_slot(t, t->hashes[number], t->bytes + from, t->ends[number] - from)] = 0;
        t->count = number;
        t->used = from;
    }
}

static void gc_texts_clear(gc_texts* t) {
    int bytes = gc_too_roomy(t->room, t->used, &t->recent_bytes, GC_KEEP_BYTES);
    int slots = gc_too_roomy(t->most, t->count, &t->recent_count, GC_KEEP_ROWS);
    if (bytes || slots) {
        gc_texts_free(t);
    } else if (t->slots && t->count < t->mask / 16) { /* a large table of few texts: take out those */
        gc_texts_cut(t, 0);
    } else {
        t->used = t->count = 0;
        if (t->slots) memset(t->slots, 0, (t->mask + 1) * sizeof *t->slots);
    }
}

/* Columns: `of` points at pointers of columns of items of those widths. */
static int gc_grow(void** const* of, const uint8_t* widths, int columns, size_t* room, size_t rows) {
    if (rows <= *room) return 1;
    size_t most = 2 * *room > rows ? 2 * *room : rows < 256 ? 256 : rows;
    for (int i = 0; i < columns; i++) {
        void* fresh = realloc(*of[i], most * widths[i]);
        if (!fresh) return 0;
        *of[i] = fresh;
    }
    *room = most;
    return 1;
}

static void gc_free_columns(void** const* of, int columns, size_t* room) {
    for (int i = 0; i < columns; i++) {
        free(*of[i]);
        *of[i] = NULL;
    }
    *room = 0;
}

#endif
