/* The protobuf wire format, read as strictly as protobuf's own C library (upb) reads it, so that verdicts are the same.

A reader is a pointer that moves to the end of the innermost message. Nothing is read before it is known to lie within the bytes:
every step checks how many are left. What upb refuses is refused: varints of more than ten bytes, tags of more than five or beyond
32 bits, field number 0, wire types 6 and 7, lengths beyond the message, groups without their end, more than 100 levels, and text of
proto3 that is not UTF-8. What it takes is taken: over-long varints, and known fields with another wire type, which are unknown
ones.

On a fault `what` says why and `where` points at the byte; the fields on the way there are put into `path` from the innermost
outwards while the calls return. */
#ifndef GREENCLOUD_WIRE_H
#define GREENCLOUD_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GC_MAX_DEPTH 100
#define GC_MAX_PATH 128

typedef struct {
    uint32_t field;
    int64_t index; /* among the repeated values of that field, from 0; -1 where it is not counted */
} gc_step;

typedef struct {
    const uint8_t* start;
    const uint8_t* where;
    const char* what;
    int depth;
    int steps;
    gc_step path[GC_MAX_PATH];
} gc_state;

#define GC_LIKELY(x) __builtin_expect(!!(x), 1)
#define GC_UNLIKELY(x) __builtin_expect(!!(x), 0)

enum { GC_VARINT = 0, GC_I64 = 1, GC_LEN = 2, GC_START = 3, GC_END = 4, GC_I32 = 5 };

#define GC_INLINE static inline __attribute__((always_inline))
#define GC_COLD static __attribute__((noinline, cold))

GC_COLD void gc_note_fault(gc_state* s, const uint8_t* where, const char* what) {
    s->where = where;
    s->what = what;
    s->steps = 0;
}

GC_COLD void gc_note_step(gc_state* s, uint32_t field, int64_t index) {
    if (s->steps < GC_MAX_PATH) {
        s->path[s->steps].field = field;
        s->path[s->steps].index = index;
        s->steps++;
    }
}

/* Note a fault, or the way to one; both give 0, so that callers may return it. */
GC_INLINE int gc_fail(gc_state* s, const uint8_t* where, const char* what) {
    gc_note_fault(s, where, what);
    return 0;
}

GC_INLINE int gc_within(gc_state* s, uint32_t field, int64_t index) {
    gc_note_step(s, field, index);
    return 0;
}

static void gc_begin(gc_state* s, const uint8_t* start) {
    s->start = s->where = start;
    s->what = NULL;
    s->depth = GC_MAX_DEPTH;
    s->steps = 0;
}

/* What a reader found and where it stopped; `at` is NULL after a fault. It comes back in two registers, so that the pointers of a
loop over fields need no address and stay in registers, too. */
typedef struct {
    const uint8_t* at;
    uint64_t value;
} gc_read;

static __attribute__((noinline)) gc_read gc_varint_slow(
    gc_state* s, const uint8_t* at, const uint8_t* end, int most, const char* what
) {
    gc_read found = {at, 0};
    for (int i = 0; i < most; i++) {
        if (found.at == end) {
            gc_fail(s, end, "the message ends within a number");
            found.at = NULL;
            return found;
        }
        uint64_t byte = *found.at++;
        found.value |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) return found;
    }
    gc_fail(s, at, what);
    found.at = NULL;
    return found;
}

GC_INLINE int gc_varint(gc_state* s, const uint8_t** at, const uint8_t* end, uint64_t* value) {
    if (GC_LIKELY(*at < end && **at < 0x80)) {
        *value = *(*at)++;
        return 1;
    }
    gc_read found = gc_varint_slow(s, *at, end, 10, "a number of more than ten bytes");
    *at = found.at;
    *value = found.value;
    return found.at != NULL;
}

GC_INLINE int gc_any_tag(gc_state* s, const uint8_t** at, const uint8_t* end, uint32_t* tag) {
    const uint8_t* from = *at;
    if (GC_LIKELY(*from < 0x80)) { /* a caller has seen that a byte is left */
        *tag = *from;
        *at = from + 1;
        return 1;
    }
    if (GC_LIKELY(end - from > 1 && from[1] < 0x80)) {
        *tag = (uint32_t)(from[0] & 0x7f) | (uint32_t)from[1] << 7;
        *at = from + 2;
        return 1;
    }
    gc_read found = gc_varint_slow(s, from, end, 5, "a tag of more than five bytes");
    if (found.at && found.value > UINT32_MAX) {
        gc_fail(s, from, "a tag beyond 32 bits");
        found.at = NULL;
    }
    *at = found.at;
    *tag = (uint32_t)found.value;
    return found.at != NULL;
}

GC_INLINE int gc_tag(gc_state* s, const uint8_t** at, const uint8_t* end, uint32_t* tag) {
    const uint8_t* from = *at;
    if (!gc_any_tag(s, at, end, tag)) return 0;
    return GC_LIKELY(*tag >= 8) ? 1 : gc_fail(s, from, "field number 0");
}

/* A length, which must not go beyond the message. */
GC_INLINE int gc_length(gc_state* s, const uint8_t** at, const uint8_t* end, size_t* length) {
    const uint8_t* from = *at;
    gc_read found = {from + 1, 0};
    if (GC_LIKELY(from < end && *from < 0x80))
        found.value = *from;
    else if (GC_LIKELY(end - from > 1 && from[1] < 0x80)) {
        found.value = (uint64_t)(from[0] & 0x7f) | (uint64_t)from[1] << 7;
        found.at = from + 2;
    } else {
        found = gc_varint_slow(s, from, end, 5, "a length of more than five bytes");
        if (!found.at) return 0;
    }
    if (GC_UNLIKELY(found.value > (uint64_t)(end - found.at))) return gc_fail(s, from, "a length beyond the end of the message");
    *at = found.at;
    *length = (size_t)found.value;
    return 1;
}

static inline int gc_enter(gc_state* s, const uint8_t* where) {
    if (GC_UNLIKELY(--s->depth < 0)) return gc_fail(s, where, "nested deeper than 100 levels");
    return 1;
}

static inline void gc_leave(gc_state* s) { s->depth++; }

/* UTF-8 of RFC 3629: no surrogates, nothing over-long, nothing beyond U+10FFFF. Gives the first byte that is wrong, or NULL. */
static const uint8_t* gc_not_utf8(const uint8_t* p, size_t length) {
    const uint8_t* end = p + length;
    while (p < end) {
        if (GC_LIKELY(end - p >= 8)) {
            uint64_t block;
            memcpy(&block, p, 8);
            if (GC_LIKELY(!(block & 0x8080808080808080u))) {
                p += 8;
                continue;
            }
        }
        uint8_t c = *p;
        if (c < 0x80) {
            p++;
            continue;
        }
        size_t left = (size_t)(end - p);
        if (c < 0xc2) return p;
        if (c < 0xe0) {
            if (left < 2 || (p[1] & 0xc0) != 0x80) return p;
            p += 2;
        } else if (c < 0xf0) {
            if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80) return p;
            if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f)) return p;
            p += 3;
        } else {
            if (c > 0xf4 || left < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80) return p;
            if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f)) return p;
            p += 4;
        }
    }
    return NULL;
}

typedef uint64_t gc_pair __attribute__((vector_size(16)));

GC_INLINE gc_pair gc_load16(const uint8_t* p) {
    gc_pair block;
    memcpy(&block, p, 16);
    return block;
}

GC_INLINE uint64_t gc_load8(const uint8_t* p) {
    uint64_t block;
    memcpy(&block, p, 8);
    return block;
}

GC_INLINE uint64_t gc_load4(const uint8_t* p) {
    uint32_t block;
    memcpy(&block, p, 4);
    return block;
}

GC_INLINE uint64_t gc_load2(const uint8_t* p) {
    uint16_t block;
    memcpy(&block, p, 2);
    return block;
}

/* Whether two texts of one length are equal, by blocks that may overlap. */
GC_INLINE int gc_same(const uint8_t* a, const uint8_t* b, size_t length) {
    if (length >= 8) {
        uint64_t differ = gc_load8(a + length - 8) ^ gc_load8(b + length - 8);
        for (size_t i = 0; i + 8 < length; i += 8) differ |= gc_load8(a + i) ^ gc_load8(b + i);
        return !differ;
    }
    if (length >= 4) return !((gc_load4(a) ^ gc_load4(b)) | (gc_load4(a + length - 4) ^ gc_load4(b + length - 4)));
    return !length || (a[0] == b[0] && a[length / 2] == b[length / 2] && a[length - 1] == b[length - 1]);
}

/* Most texts are short and ASCII: from both ends by blocks that may overlap, which takes no loop up to 64 bytes. */
GC_INLINE int gc_ascii(const uint8_t* p, size_t length) {
    const uint64_t high = 0x8080808080808080u;
    if (length >= 16) {
        gc_pair all = gc_load16(p) | gc_load16(p + length - 16);
        if (length > 32) {
            all |= gc_load16(p + 16) | gc_load16(p + length - 32);
            for (size_t i = 32; i + 32 < length; i += 16) all |= gc_load16(p + i);
        }
        return !((all[0] | all[1]) & high);
    }
    if (length >= 8) return !((gc_load8(p) | gc_load8(p + length - 8)) & high);
    if (length >= 4) return !((gc_load4(p) | gc_load4(p + length - 4)) & high);
    return !length || !((p[0] | p[length / 2] | p[length - 1]) & 0x80);
}

static __attribute__((noinline)) int gc_text_slow(gc_state* s, const uint8_t* p, size_t length) {
    const uint8_t* wrong = gc_not_utf8(p, length);
    return GC_LIKELY(!wrong) ? 1 : gc_fail(s, wrong, "not UTF-8");
}

GC_INLINE int gc_text(gc_state* s, const uint8_t* p, size_t length) {
    return GC_LIKELY(gc_ascii(p, length)) ? 1 : gc_text_slow(s, p, length);
}

/* Pass over the value of an unknown field; NULL after a fault. */
static const uint8_t* gc_skipped(gc_state* s, const uint8_t* at, const uint8_t* end, uint32_t tag) {
    uint64_t value;
    size_t length;
    switch (tag & 7) {
        case GC_VARINT:
            return gc_varint(s, &at, end, &value) ? at : NULL;
        case GC_I64:
        case GC_I32:
            length = (tag & 7) == GC_I64 ? 8 : 4;
            if ((size_t)(end - at) >= length) return at + length;
            gc_fail(s, end, "the message ends within a number");
            return NULL;
        case GC_LEN:
            return gc_length(s, &at, end, &length) ? at + length : NULL;
        case GC_START: {
            uint32_t inner;
            if (!gc_enter(s, at)) return NULL;
            for (;;) {
                if (at == end) {
                    gc_fail(s, at, "a group without its end");
                    return NULL;
                }
                const uint8_t* from = at;
                if (!gc_any_tag(s, &at, end, &inner)) return NULL; /* within an unknown group upb lets field number 0 pass */
                if ((inner & 7) == GC_END) {
                    if (inner >> 3 == tag >> 3) break;
                    gc_fail(s, from, "the end of another group");
                    return NULL;
                }
                at = gc_skipped(s, at, end, inner);
                if (!at) {
                    gc_within(s, inner >> 3, -1);
                    return NULL;
                }
            }
            gc_leave(s);
            return at;
        }
        default:
            if ((tag & 7) == GC_END)
                gc_fail(s, at - 1, "the end of a group that did not begin");
            else
                gc_fail(s, at - 1, (tag & 7) == 6 ? "wire type 6" : "wire type 7");
            return NULL;
    }
}

GC_INLINE int gc_skip(gc_state* s, const uint8_t** at, const uint8_t* end, uint32_t tag) {
    *at = gc_skipped(s, *at, end, tag);
    return *at != NULL;
}

#endif
