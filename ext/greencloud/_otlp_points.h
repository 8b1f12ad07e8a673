/* Number points of gauges and sums into columns; histograms and summaries are only checked, because no amount is told by one. */
#ifndef GREENCLOUD_OTLP_POINTS_H
#define GREENCLOUD_OTLP_POINTS_H

#include "_otlp_request.h"

enum { GC_NO_VALUE = 1, GC_NOT_FINITE, GC_NOT_MONOTONIC, GC_NO_TIME, GC_POINT_YEARS };

typedef struct {
    gc_common c;
    int32_t *owner, *resource, *metric, *attributes;
    uint64_t *start_ns, *time_ns;
    int64_t* bits;
    uint8_t *kind, *fault;
    gc_texts metrics, attribute_sets;
} gc_metrics;

static void** const* gc_metrics_columns(gc_metrics* m, void** of[9]) {
    void** all[9] = {(void**)&m->owner,   (void**)&m->resource, (void**)&m->metric, (void**)&m->attributes, (void**)&m->start_ns,
                     (void**)&m->time_ns, (void**)&m->bits,     (void**)&m->kind,   (void**)&m->fault};
    memcpy(of, all, sizeof all);
    return of;
}
static const uint8_t GC_METRICS_WIDTHS[9] = {4, 4, 4, 4, 8, 8, 8, 1, 1};

static int gc_decode_point(gc_state* s, const uint8_t* at, const uint8_t* end, gc_metrics* m) {
    const uint8_t* start = at;
    gc_piece attributes[GC_MAX_ATTRIBUTES], key;
    gc_value value;
    uint64_t start_ns = 0, time_ns = 0, bits = 0, flags = 0;
    uint8_t kind = 0;
    uint32_t tag;
    size_t count = 0, used = 0;
    while (at < end) {
        const uint8_t* from = at;
        if (!gc_tag(s, &at, end, &tag)) return 0;
        switch (tag) {
            case GC_FIELD(2, GC_I64):
                if (!gc_fixed64(s, &at, end, &start_ns)) return gc_within(s, 2, -1);
                break;
            case GC_FIELD(3, GC_I64):
                if (!gc_fixed64(s, &at, end, &time_ns)) return gc_within(s, 3, -1);
                break;
            case GC_FIELD(4, GC_I64):
            case GC_FIELD(6, GC_I64):
                if (!gc_fixed64(s, &at, end, &bits)) return gc_within(s, tag >> 3, -1);
                kind = tag >> 3 == 6 ? 1 : 2;
                break;
            case GC_FIELD(7, GC_LEN): {
                const uint8_t* pair = at;
                if (!gc_attribute(s, &at, end, &key, &value)) return gc_within(s, 7, (int64_t)count);
                if (count < GC_MAX_ATTRIBUTES) { /* with its length, which stands in the payload as it is wanted */
                    attributes[count].p = pair;
                    attributes[count].n = (size_t)(at - pair);
                }
                count++;
                break;
            }
            case GC_FIELD(8, GC_VARINT):
                if (!gc_varint(s, &at, end, &flags)) return gc_within(s, 8, -1);
                break;
            default:
                if (!gc_check_field(s, &at, end, tag, GC_NUMBER_POINT, start, from)) return 0;
        }
    }
    if (flags & 1) return 1; /* no recorded value */
    m->c.count++;
    if (time_ns < m->c.first_ns || time_ns >= m->c.until_ns) return 1;
    for (size_t k = 0; k < count && k < GC_MAX_ATTRIBUTES; k++) { /* as a message whose field 1 they are */
        static const uint8_t head = GC_FIELD(1, GC_LEN);
        if (!gc_lay(s, &m->c.scratch, used, &head, 1) || !gc_lay(s, &m->c.scratch, used + 1, attributes[k].p, attributes[k].n))
            return 0;
        used += attributes[k].n + 1;
    }
    void** of[9];
    size_t i = m->c.size;
    if (i == m->c.room && !gc_grow(gc_metrics_columns(m, of), GC_METRICS_WIDTHS, 9, &m->c.room, i + 1)) return gc_no_memory(s);
    int32_t number = gc_number_of(&m->attribute_sets, m->c.scratch.p, used);
    if (number < 0) return gc_no_memory(s);
    m->owner[i] = m->c.owner;
    m->resource[i] = m->metric[i] = -1;
    m->attributes[i] = number;
    m->start_ns[i] = start_ns;
    m->time_ns[i] = time_ns;
    m->bits[i] = (int64_t)bits;
    m->kind[i] = kind;
    m->fault[i] = 0;
    m->c.size++;
    return 1;
}

/* Merge a Gauge or a Sum. */
static int gc_decode_numbers(
    gc_state* s, const uint8_t* at, const uint8_t* end, gc_metrics* m, int message, uint64_t* temporality, uint64_t* monotonic
) {
    const uint8_t* start = at;
    uint32_t tag;
    size_t length, points = 0;
    while (at < end) {
        const uint8_t* from = at;
        if (!gc_tag(s, &at, end, &tag)) return 0;
        if (GC_LIKELY(tag == GC_FIELD(1, GC_LEN))) {
            if (!gc_count(s, at, &m->c.items, GC_MAX_ITEMS, "more than 1048576 items in a request; send smaller batches") ||
                !gc_length(s, &at, end, &length) || !gc_enter(s, at) || !gc_decode_point(s, at, at + length, m))
                return gc_within(s, 1, (int64_t)points);
            gc_leave(s);
            at += length;
            points++;
        } else if (message == GC_SUM && tag == GC_FIELD(2, GC_VARINT)) {
            if (!gc_varint(s, &at, end, temporality)) return gc_within(s, 2, -1);
        } else if (message == GC_SUM && tag == GC_FIELD(3, GC_VARINT)) {
            if (!gc_varint(s, &at, end, monotonic)) return gc_within(s, 3, -1);
        } else if (!gc_check_field(s, &at, end, tag, message, start, from)) {
            return 0;
        }
    }
    return 1;
}

static uint8_t gc_point_fault(const gc_metrics* m, size_t i, int monotonic) {
    double value;
    memcpy(&value, &m->bits[i], 8);
    if (!m->kind[i]) return GC_NO_VALUE;
    if (m->kind[i] == 2 && ((uint64_t)m->bits[i] & 0x7ff0000000000000u) == 0x7ff0000000000000u) return GC_NOT_FINITE;
    if (monotonic && (m->kind[i] == 2 ? value < 0 : m->bits[i] < 0)) return GC_NOT_MONOTONIC;
    if (!m->time_ns[i]) return GC_NO_TIME;
    if (m->time_ns[i] < GC_EARLIEST_NS || m->time_ns[i] >= GC_LATEST_NS) return GC_POINT_YEARS;
    if (m->time_ns[i] < m->c.oldest_ns) return GC_TOO_OLD;
    if (m->time_ns[i] > m->c.newest_ns) return GC_TOO_NEW;
    return 0;
}

/* In the dictionary of metrics: length of the name (8 bytes), name, unit, shape, monotonic. */
static int gc_end_metric(gc_state* s, gc_metrics* m, size_t first, gc_piece name, gc_piece unit, uint8_t shape, int monotonic) {
    uint64_t length = name.n;
    uint8_t tail[2] = {shape, (uint8_t)monotonic};
    if (first == m->c.size) return 1;
    if (!gc_lay(s, &m->c.scratch, 0, (const uint8_t*)&length, 8) || !gc_lay(s, &m->c.scratch, 8, name.p, name.n) ||
        !gc_lay(s, &m->c.scratch, 8 + name.n, unit.p, unit.n) || !gc_lay(s, &m->c.scratch, 8 + name.n + unit.n, tail, 2))
        return 0;
    int32_t number = gc_number_of(&m->metrics, m->c.scratch.p, 10 + name.n + unit.n);
    if (number < 0) return gc_no_memory(s);
    for (size_t i = first; i < m->c.size; i++) {
        m->metric[i] = number;
        m->fault[i] = gc_point_fault(m, i, monotonic);
        if (!m->fault[i]) {
            if (m->time_ns[i] < m->c.low_ns) m->c.low_ns = m->time_ns[i];
            if (m->time_ns[i] > m->c.high_ns) m->c.high_ns = m->time_ns[i];
        }
    }
    return 1;
}

static int gc_decode_metric(gc_state* s, const uint8_t* at, const uint8_t* end, void* columns) {
    gc_metrics* m = (gc_metrics*)columns;
    gc_piece name = {at, 0}, unit = {at, 0};
    uint64_t temporality = 0, monotonic = 0;
    const uint8_t* start = at;
    uint32_t tag, data = 0;
    size_t length, first = m->c.size, count = m->c.count, sets = m->attribute_sets.count;
    while (at < end) {
        const uint8_t* from = at;
        if (!gc_tag(s, &at, end, &tag)) return 0;
        uint32_t field = tag >> 3;
        if ((tag & 7) == GC_LEN && field < GC_FIELDS && field != 12 && GC_SCHEMA[GC_METRIC][field] >= GC_MESSAGE) {
            int message = GC_SCHEMA[GC_METRIC][field] - GC_MESSAGE;
            if (field != data) { /* another member of the oneof: what the one before held is gone */
                m->c.size = first;
                m->c.count = count;
                gc_texts_cut(&m->attribute_sets, sets);
                temporality = monotonic = 0;
                data = field;
            }
            if (!gc_length(s, &at, end, &length) || !gc_enter(s, at)) return gc_within(s, field, -1);
            if (!(message == GC_GAUGE || message == GC_SUM
                      ? gc_decode_numbers(s, at, at + length, m, message, &temporality, &monotonic)
                      : gc_check(s, at, at + length, message)))
                return gc_within(s, field, -1);
            gc_leave(s);
            at += length;
        } else if (tag == GC_FIELD(1, GC_LEN) || tag == GC_FIELD(3, GC_LEN)) {
            gc_piece* text = field == 1 ? &name : &unit;
            if (!gc_piece_of(s, &at, end, text) || !gc_text(s, text->p, text->n)) return gc_within(s, field, -1);
        } else if (!gc_check_field(s, &at, end, tag, GC_METRIC, start, from)) {
            return 0;
        }
    }
    /* An enum is a 32-bit number, whatever the varint says. Shapes: 0 unspecified, 1 delta, 2 cumulative, 3 gauge. */
    int32_t kind = (int32_t)(uint32_t)temporality;
    uint8_t shape = data == 5 ? 3 : kind == 1 || kind == 2 ? (uint8_t)kind : 0;
    return gc_end_metric(s, m, first, name, unit, shape, data == 7 && monotonic != 0);
}

static int gc_decode_scope_metrics(gc_state* s, const uint8_t* at, const uint8_t* end, void* columns) {
    return gc_decode_scope(s, at, end, &((gc_metrics*)columns)->c, columns, gc_decode_metric);
}

static int gc_decode_metrics(gc_state* s, const uint8_t* at, const uint8_t* end, gc_metrics* m) {
    return gc_decode(s, at, end, &m->c, m, gc_decode_scope_metrics, &m->resource);
}

#endif
