/* Spans into columns. */
#ifndef GREENCLOUD_OTLP_SPANS_H
#define GREENCLOUD_OTLP_SPANS_H

#include "_otlp_request.h"

#define GC_MAX_SPAN_NS 604800000000000u /* 7 days: one that claims years would make a row for every hour of them */

enum { GC_SOUND, GC_BAD_TRACE_ID, GC_BAD_SPAN_ID, GC_NO_START, GC_SPAN_YEARS, GC_NEGATIVE, GC_TOO_LONG };
enum { GC_REMOTE_PARENT = 1, GC_GIVEN = 2, GC_ODD = 32 }; /* of four amounts each: << its number */

typedef struct {
    gc_common c;
    int32_t *owner, *resource, *name, *caller;
    uint8_t* trace_id;
    uint64_t *span_id, *parent_id, *start_ns, *end_ns;
    int64_t* amount[4];
    uint8_t *quality, *fault;
    uint16_t* marks;
    gc_texts names, callers;
} gc_traces;

typedef struct {
    gc_piece trace_id, span_id, parent_id, name, caller;
    uint64_t start_ns, end_ns;
    uint32_t flags;
    int64_t amount[4];
    uint8_t quality;
    uint16_t marks;
} gc_span;

GC_INLINE int gc_is(const gc_piece* text, const char* name, size_t length) {
    return text->n == length && gc_same(text->p, (const uint8_t*)name, length);
}
#define GC_IS(text, name) gc_is((text), (name), sizeof(name) - 1)

/* Note an attribute of ours; the last scalar of a key holds. */
static void gc_note_ours(gc_span* span, gc_piece key, gc_value value) {
    int amount;
    if (GC_IS(&key, "greencloud.cpu.time"))
        amount = 0;
    else if (GC_IS(&key, "greencloud.memory.byte_seconds"))
        amount = 1;
    else if (GC_IS(&key, "greencloud.io.bytes"))
        amount = 2;
    else if (GC_IS(&key, "greencloud.gpu.time"))
        amount = 3;
    else if (GC_IS(&key, "greencloud.quality")) {
        span->quality = 4;
        if (value.kind == 1) {
            if (GC_IS(&value.text, "exact")) span->quality = 1;
            if (GC_IS(&value.text, "thread")) span->quality = 2;
            if (GC_IS(&value.text, "none")) span->quality = 3;
        }
        return;
    } else {
        if (GC_IS(&key, "greencloud.caller.account")) {
            span->caller = value.text;
            if (value.kind != 1) span->caller.n = 0;
        }
        return;
    }
    span->marks &= (uint16_t)~((GC_GIVEN | GC_ODD) << amount);
    span->marks |= (uint16_t)((value.kind == 3 ? GC_GIVEN : GC_ODD) << amount);
    span->amount[amount] = value.kind == 3 ? (int64_t)value.number : 0;
}

GC_INLINE void gc_note(gc_span* span, const gc_piece* key, const gc_value* value) {
    if (key->n >= 18 && value->kind && gc_load8(key->p) == 0x6f6c636e65657267u) gc_note_ours(span, *key, *value); /* "greenclo" */
}

GC_INLINE uint64_t gc_big_endian(const uint8_t* p) { return __builtin_bswap64(gc_load8(p)); }

static uint8_t gc_span_fault(const gc_traces* t, const gc_span* span, uint64_t span_id) {
    uint64_t high, low;
    if (span->trace_id.n != 16) return GC_BAD_TRACE_ID;
    memcpy(&high, span->trace_id.p, 8);
    memcpy(&low, span->trace_id.p + 8, 8);
    if (!(high | low)) return GC_BAD_TRACE_ID;
    if (!span_id) return GC_BAD_SPAN_ID;
    if (!span->start_ns) return GC_NO_START;
    if (span->start_ns < GC_EARLIEST_NS || span->start_ns >= GC_LATEST_NS || span->end_ns >= GC_LATEST_NS) return GC_SPAN_YEARS;
    if (span->end_ns < span->start_ns) return GC_NEGATIVE;
    if (span->end_ns - span->start_ns > GC_MAX_SPAN_NS) return GC_TOO_LONG;
    if (span->start_ns < t->c.oldest_ns) return GC_TOO_OLD;
    if (span->end_ns > t->c.newest_ns) return GC_TOO_NEW;
    return GC_SOUND;
}

static void** const* gc_traces_columns(gc_traces* t, void** of[16]) {
    void** all[16] = {(void**)&t->owner,     (void**)&t->resource,  (void**)&t->name,     (void**)&t->caller,
                      (void**)&t->trace_id,  (void**)&t->span_id,   (void**)&t->parent_id, (void**)&t->start_ns,
                      (void**)&t->end_ns,    (void**)&t->amount[0], (void**)&t->amount[1], (void**)&t->amount[2],
                      (void**)&t->amount[3], (void**)&t->quality,   (void**)&t->fault,    (void**)&t->marks};
    memcpy(of, all, sizeof all);
    return of;
}
static const uint8_t GC_TRACES_WIDTHS[16] = {4, 4, 4, 4, 16, 8, 8, 8, 8, 8, 8, 8, 8, 1, 1, 2};

GC_INLINE int gc_store_span(gc_state* s, gc_traces* t, const gc_span* span) {
    int within = span->end_ns > span->start_ns ? span->start_ns < t->c.until_ns && span->end_ns > t->c.first_ns
                                               : span->start_ns >= t->c.first_ns && span->start_ns < t->c.until_ns;
    void** of[16];
    size_t i = t->c.size;
    if (!within) return 1;
    if (GC_UNLIKELY(i == t->c.room) && !gc_grow(gc_traces_columns(t, of), GC_TRACES_WIDTHS, 16, &t->c.room, i + 1))
        return gc_no_memory(s);
    int32_t name = gc_number_of(&t->names, span->name.p, span->name.n);
    int32_t caller = span->caller.n ? gc_number_of(&t->callers, span->caller.p, span->caller.n) : -1;
    if (name < 0 || (span->caller.n && caller < 0)) return gc_no_memory(s);
    t->owner[i] = t->c.owner;
    t->resource[i] = -1;
    t->name[i] = name;
    t->caller[i] = caller;
    if (span->trace_id.n == 16)
        memcpy(t->trace_id + 16 * i, span->trace_id.p, 16);
    else
        memset(t->trace_id + 16 * i, 0, 16);
    t->span_id[i] = span->span_id.n == 8 ? gc_big_endian(span->span_id.p) : 0;
    t->parent_id[i] = span->parent_id.n == 8 ? gc_big_endian(span->parent_id.p) : 0;
    t->start_ns[i] = span->start_ns;
    t->end_ns[i] = span->end_ns;
    for (int k = 0; k < 4; k++) t->amount[k][i] = span->amount[k];
    t->quality[i] = span->quality;
    t->marks[i] = (uint16_t)(span->marks | ((span->flags & 0x300) == 0x300 ? GC_REMOTE_PARENT : 0));
    t->fault[i] = gc_span_fault(t, span, t->span_id[i]);
    if (!t->fault[i]) {
        if (span->start_ns < t->c.low_ns) t->c.low_ns = span->start_ns;
        if (span->end_ns > t->c.high_ns) t->c.high_ns = span->end_ns;
    }
    t->c.size++;
    return 1;
}

static int gc_decode_span(gc_state* s, const uint8_t* at, const uint8_t* end, void* columns) {
    gc_traces* t = (gc_traces*)columns;
    const uint8_t* start = at;
    gc_span span;
    gc_piece key;
    gc_value value;
    uint32_t tag;
    size_t attributes = 0;
    /* One by one: compilers clear a whole one with an instruction that is slow to start. */
    span.trace_id.n = span.span_id.n = span.parent_id.n = span.name.n = span.caller.n = 0;
    span.name.p = at;
    span.start_ns = span.end_ns = 0;
    span.amount[0] = span.amount[1] = span.amount[2] = span.amount[3] = 0;
    span.flags = span.quality = span.marks = 0;
    /* Ids of the usual lengths come first, as a rule: 0a 10 TRACE_ID 12 08 SPAN_ID, and often 22 08 PARENT_ID. */
    if (GC_LIKELY(end - at >= 28 && gc_load2(at) == 0x100a && gc_load2(at + 18) == 0x0812)) {
        span.trace_id = (gc_piece){at + 2, 16};
        span.span_id = (gc_piece){at + 20, 8};
        at += 28;
        if (end - at >= 10 && gc_load2(at) == 0x0822) {
            span.parent_id = (gc_piece){at + 2, 8};
            at += 10;
        }
    }
    while (at < end) {
        const uint8_t* from = at;
        if (!gc_tag(s, &at, end, &tag)) return 0;
        switch (tag) {
            case GC_FIELD(1, GC_LEN):
                if (!gc_piece_of(s, &at, end, &span.trace_id)) return gc_within(s, 1, -1);
                break;
            case GC_FIELD(2, GC_LEN):
                if (!gc_piece_of(s, &at, end, &span.span_id)) return gc_within(s, 2, -1);
                break;
            case GC_FIELD(4, GC_LEN):
                if (!gc_piece_of(s, &at, end, &span.parent_id)) return gc_within(s, 4, -1);
                break;
            case GC_FIELD(5, GC_LEN):
                if (!gc_piece_of(s, &at, end, &span.name) || !gc_text(s, span.name.p, span.name.n)) return gc_within(s, 5, -1);
                break;
            case GC_FIELD(6, GC_VARINT): { /* the kind: nobody's, but in every span */
                uint64_t kind;
                if (!gc_varint(s, &at, end, &kind)) return gc_within(s, 6, -1);
                break;
            }
            case GC_FIELD(7, GC_I64):
                if (!gc_fixed64(s, &at, end, &span.start_ns)) return gc_within(s, 7, -1);
                if (GC_UNLIKELY(at == end || *at != GC_FIELD(8, GC_I64))) break;
                at++;
                /* fall through */
            case GC_FIELD(8, GC_I64):
                if (!gc_fixed64(s, &at, end, &span.end_ns)) return gc_within(s, 8, -1);
                break;
            case GC_FIELD(9, GC_LEN):
                for (;;) { /* they come in a row */
                    if (!gc_attribute(s, &at, end, &key, &value)) return gc_within(s, 9, (int64_t)attributes);
                    if (GC_LIKELY(attributes++ < GC_MAX_ATTRIBUTES)) gc_note(&span, &key, &value);
                    if (at == end || *at != GC_FIELD(9, GC_LEN)) break;
                    at++;
                }
                break;
            case GC_FIELD(16, GC_I32):
                if (end - at < 4) return gc_fail(s, end, "the message ends within a number") || gc_within(s, 16, -1);
                span.flags = (uint32_t)gc_load4(at);
                at += 4;
                break;
            default:
                if (!gc_check_field(s, &at, end, tag, GC_SPAN, start, from)) return 0;
        }
    }
    t->c.count++;
    return gc_store_span(s, t, &span);
}

static int gc_decode_scope_spans(gc_state* s, const uint8_t* at, const uint8_t* end, void* columns) {
    return gc_decode_scope(s, at, end, &((gc_traces*)columns)->c, columns, gc_decode_span);
}

static int gc_decode_traces(gc_state* s, const uint8_t* at, const uint8_t* end, gc_traces* t) {
    return gc_decode(s, at, end, &t->c, t, gc_decode_scope_spans, &t->resource);
}

#endif
