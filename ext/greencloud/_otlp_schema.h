/* The messages of OTLP that nobody computes with, as tables, and a walk that checks them.

One table a message: for each field number what its values are. tests/test_otlp_decoder.py compares them with the descriptors of
opentelemetry-proto, so that a version with new fields is noticed.
*/
#ifndef GREENCLOUD_OTLP_SCHEMA_H
#define GREENCLOUD_OTLP_SCHEMA_H

#include "_wire.h"

enum {
    GC_NONE = 0,
    GC_NUMBER,   /* varint */
    GC_NUMBERS,  /* varints, packed or not */
    GC_FIXED64,
    GC_FIXED64S, /* packed or not */
    GC_FIXED32,
    GC_BYTES,
    GC_STRING,
    GC_MESSAGE,  /* + number of the message */
    GC_REPEATED = 0x80, /* a flag */
};

enum {
    GC_RESOURCE, GC_KEY_VALUE, GC_ANY_VALUE, GC_ARRAY_VALUE, GC_KEY_VALUE_LIST, GC_ENTITY_REF, GC_SCOPE,
    GC_SPAN, GC_EVENT, GC_LINK, GC_STATUS,
    GC_METRIC, GC_GAUGE, GC_SUM, GC_NUMBER_POINT, GC_EXEMPLAR, GC_HISTOGRAM, GC_HISTOGRAM_POINT, GC_EXP_HISTOGRAM,
    GC_EXP_HISTOGRAM_POINT, GC_BUCKETS, GC_SUMMARY, GC_SUMMARY_POINT, GC_QUANTILE,
    GC_MESSAGES
};

#define GC_FIELDS 17
#define M(message) (GC_MESSAGE + (message))
#define R(kind) (GC_REPEATED | (kind))

static const uint8_t GC_SCHEMA[GC_MESSAGES][GC_FIELDS] = {
    [GC_RESOURCE] = {[1] = R(M(GC_KEY_VALUE)), [2] = GC_NUMBER, [3] = R(M(GC_ENTITY_REF))},
    [GC_KEY_VALUE] = {[1] = GC_STRING, [2] = M(GC_ANY_VALUE), [3] = GC_NUMBER},
    [GC_ANY_VALUE] = {[1] = GC_STRING, [2] = GC_NUMBER, [3] = GC_NUMBER, [4] = GC_FIXED64, [5] = M(GC_ARRAY_VALUE),
                      [6] = M(GC_KEY_VALUE_LIST), [7] = GC_BYTES, [8] = GC_NUMBER},
    [GC_ARRAY_VALUE] = {[1] = R(M(GC_ANY_VALUE))},
    [GC_KEY_VALUE_LIST] = {[1] = R(M(GC_KEY_VALUE))},
    [GC_ENTITY_REF] = {[1] = GC_STRING, [2] = GC_STRING, [3] = R(GC_STRING), [4] = R(GC_STRING)},
    [GC_SCOPE] = {[1] = GC_STRING, [2] = GC_STRING, [3] = R(M(GC_KEY_VALUE)), [4] = GC_NUMBER},
    [GC_SPAN] = {[1] = GC_BYTES, [2] = GC_BYTES, [3] = GC_STRING, [4] = GC_BYTES, [5] = GC_STRING, [6] = GC_NUMBER,
                 [7] = GC_FIXED64, [8] = GC_FIXED64, [9] = R(M(GC_KEY_VALUE)), [10] = GC_NUMBER, [11] = R(M(GC_EVENT)),
                 [12] = GC_NUMBER, [13] = R(M(GC_LINK)), [14] = GC_NUMBER, [15] = M(GC_STATUS), [16] = GC_FIXED32},
    [GC_EVENT] = {[1] = GC_FIXED64, [2] = GC_STRING, [3] = R(M(GC_KEY_VALUE)), [4] = GC_NUMBER},
    [GC_LINK] = {[1] = GC_BYTES, [2] = GC_BYTES, [3] = GC_STRING, [4] = R(M(GC_KEY_VALUE)), [5] = GC_NUMBER, [6] = GC_FIXED32},
    [GC_STATUS] = {[2] = GC_STRING, [3] = GC_NUMBER},
    [GC_METRIC] = {[1] = GC_STRING, [2] = GC_STRING, [3] = GC_STRING, [5] = M(GC_GAUGE), [7] = M(GC_SUM),
                   [9] = M(GC_HISTOGRAM), [10] = M(GC_EXP_HISTOGRAM), [11] = M(GC_SUMMARY), [12] = R(M(GC_KEY_VALUE))},
    [GC_GAUGE] = {[1] = R(M(GC_NUMBER_POINT))},
    [GC_SUM] = {[1] = R(M(GC_NUMBER_POINT)), [2] = GC_NUMBER, [3] = GC_NUMBER},
    [GC_NUMBER_POINT] = {[2] = GC_FIXED64, [3] = GC_FIXED64, [4] = GC_FIXED64, [5] = R(M(GC_EXEMPLAR)), [6] = GC_FIXED64,
                         [7] = R(M(GC_KEY_VALUE)), [8] = GC_NUMBER},
    [GC_EXEMPLAR] = {[2] = GC_FIXED64, [3] = GC_FIXED64, [4] = GC_BYTES, [5] = GC_BYTES, [6] = GC_FIXED64,
                     [7] = R(M(GC_KEY_VALUE))},
    [GC_HISTOGRAM] = {[1] = R(M(GC_HISTOGRAM_POINT)), [2] = GC_NUMBER},
    [GC_HISTOGRAM_POINT] = {[2] = GC_FIXED64, [3] = GC_FIXED64, [4] = GC_FIXED64, [5] = GC_FIXED64, [6] = R(GC_FIXED64S),
                            [7] = R(GC_FIXED64S), [8] = R(M(GC_EXEMPLAR)), [9] = R(M(GC_KEY_VALUE)), [10] = GC_NUMBER,
                            [11] = GC_FIXED64, [12] = GC_FIXED64},
    [GC_EXP_HISTOGRAM] = {[1] = R(M(GC_EXP_HISTOGRAM_POINT)), [2] = GC_NUMBER},
    [GC_EXP_HISTOGRAM_POINT] = {[1] = R(M(GC_KEY_VALUE)), [2] = GC_FIXED64, [3] = GC_FIXED64, [4] = GC_FIXED64,
                                [5] = GC_FIXED64, [6] = GC_NUMBER, [7] = GC_FIXED64, [8] = M(GC_BUCKETS), [9] = M(GC_BUCKETS),
                                [10] = GC_NUMBER, [11] = R(M(GC_EXEMPLAR)), [12] = GC_FIXED64, [13] = GC_FIXED64,
                                [14] = GC_FIXED64},
    [GC_BUCKETS] = {[1] = GC_NUMBER, [2] = R(GC_NUMBERS)},
    [GC_SUMMARY] = {[1] = R(M(GC_SUMMARY_POINT))},
    [GC_SUMMARY_POINT] = {[2] = GC_FIXED64, [3] = GC_FIXED64, [4] = GC_FIXED64, [5] = GC_FIXED64, [6] = R(M(GC_QUANTILE)),
                          [7] = R(M(GC_KEY_VALUE)), [8] = GC_NUMBER},
    [GC_QUANTILE] = {[1] = GC_FIXED64, [2] = GC_FIXED64},
};

#undef M
#undef R

/* Packed numbers: varints to the end, or a whole number of eight bytes. */
static int gc_check_packed(gc_state* s, const uint8_t* at, const uint8_t* end, int kind) {
    uint64_t value;
    if (kind == GC_FIXED64S) return (end - at) % 8 ? gc_fail(s, at, "packed numbers that do not fill their length") : 1;
    while (at < end)
        if (!gc_varint(s, &at, end, &value)) return 0;
    return 1;
}

static int gc_check(gc_state* s, const uint8_t* at, const uint8_t* end, int message);

/* Pass over the value of one field of a message, whatever it is; NULL after a fault. */
static const uint8_t* gc_checked(gc_state* s, const uint8_t* at, const uint8_t* end, uint32_t tag, int message) {
    uint32_t field = tag >> 3;
    int kind = field < GC_FIELDS ? GC_SCHEMA[message][field] & ~GC_REPEATED : GC_NONE;
    size_t length;
    int packed = kind == GC_NUMBERS || kind == GC_FIXED64S;
    if ((tag & 7) != GC_LEN || (kind < GC_STRING && !packed)) return gc_skipped(s, at, end, tag);
    if (!gc_length(s, &at, end, &length)) return NULL;
    if (packed) {
        if (!gc_check_packed(s, at, at + length, kind)) return NULL;
    } else if (kind == GC_STRING) {
        if (!gc_text(s, at, length)) return NULL;
    } else {
        if (!gc_enter(s, at) || !gc_check(s, at, at + length, kind - GC_MESSAGE)) return NULL;
        gc_leave(s);
    }
    return at + length;
}

/* After a fault: which of the values of a repeated field it was, by walking over those before it again; -1 for others. */
GC_COLD int64_t gc_index(const uint8_t* at, const uint8_t* to, uint32_t tag, int message) {
    gc_state again;
    uint32_t other, field = tag >> 3;
    int64_t index = 0;
    if ((tag & 7) != GC_LEN || field >= GC_FIELDS || !(GC_SCHEMA[message][field] & GC_REPEATED)) return -1;
    gc_begin(&again, at);
    while (at && at < to && gc_tag(&again, &at, to, &other)) {
        index += other == tag;
        at = gc_skipped(&again, at, to, other);
    }
    return index;
}

/* Check a field between others of a message that begins at `start`, and pass over it. */
GC_INLINE int gc_check_field(
    gc_state* s, const uint8_t** at, const uint8_t* end, uint32_t tag, int message, const uint8_t* start, const uint8_t* from
) {
    const uint8_t* next = gc_checked(s, *at, end, tag, message);
    if (GC_UNLIKELY(!next)) return gc_within(s, tag >> 3, gc_index(start, from, tag, message));
    *at = next;
    return 1;
}

/* Check a whole message. */
static int gc_check(gc_state* s, const uint8_t* at, const uint8_t* end, int message) {
    const uint8_t *start = at, *from;
    uint32_t tag;
    while (at < end) {
        from = at;
        if (!gc_tag(s, &at, end, &tag) || !gc_check_field(s, &at, end, tag, message, start, from)) return 0;
    }
    return 1;
}

#endif
