/* What requests of both signals have in common: groups of a resource, and the columns of the items in them.

Fields may come in any order, several times, and with others between that nobody knows. So what a group of items shares (its
resource, its metric) is known when the group ends, and is filled in then. Scalars: the last holds; messages: the parts are merged;
of a oneof the member that came last holds, and clears the others. */
#ifndef GREENCLOUD_OTLP_REQUEST_H
#define GREENCLOUD_OTLP_REQUEST_H

#include "_otlp_columns.h"
#include "_otlp_values.h"

#define GC_MAX_GROUPS (1u << 16)
#define GC_MAX_ITEMS (1u << 20)
#define GC_EARLIEST_NS 946684800000000000u /* 2000-01-01: before it a clock was not set */
#define GC_LATEST_NS 7258118400000000000u  /* 2200-01-01 */

enum { GC_TOO_OLD = 7, GC_TOO_NEW }; /* faults of items of both signals */

typedef struct {
    uint8_t* p;
    size_t room;
} gc_buffer;

static const char GC_NO_MEMORY[] = "no memory";

typedef struct {
    uint64_t first_ns, until_ns;   /* what is stored */
    uint64_t oldest_ns, newest_ns; /* what has no fault, of the present request */
    uint64_t low_ns, high_ns;      /* the bounds of what has none */
    int32_t owner;
    size_t groups, items, count;   /* of the present request */
    size_t size, room, recent;
    gc_texts resources;
    gc_buffer scratch, merged;
} gc_common;

/* Forget the items, and give back what is far more memory than they lately had; widths and columns as for gc_grow. */
static void gc_clear(gc_common* c, void** const* of, int columns) {
    if (gc_too_roomy(c->room, c->size, &c->recent, GC_KEEP_ROWS)) gc_free_columns(of, columns, &c->room);
    c->size = 0;
    c->low_ns = UINT64_MAX;
    c->high_ns = 0;
    gc_texts_clear(&c->resources);
    for (gc_buffer* each = &c->scratch;; each = &c->merged) {
        if (each->room > GC_KEEP_BYTES) {
            free(each->p);
            each->p = NULL;
            each->room = 0;
        }
        if (each == &c->merged) break;
    }
}

static int gc_no_memory(gc_state* s) { return gc_fail(s, s->start, GC_NO_MEMORY); }

static inline int gc_count(gc_state* s, const uint8_t* at, size_t* counted, size_t most, const char* what) {
    return ++*counted > most ? gc_fail(s, at, what) : 1;
}

/* Lay bytes behind those that the buffer has. */
static int gc_lay(gc_state* s, gc_buffer* buffer, size_t used, const uint8_t* p, size_t length) {
    if (used + length > buffer->room || !buffer->p) {
        size_t room = 2 * (used + length) + 256;
        uint8_t* fresh = realloc(buffer->p, room);
        if (!fresh) return gc_no_memory(s);
        buffer->p = fresh;
        buffer->room = room;
    }
    if (length) memcpy(buffer->p + used, p, length);
    return 1;
}

typedef int (*gc_group_of)(gc_state*, const uint8_t*, const uint8_t*, void*);

/* What groups and scopes have beside their items: a schema_url, and what nobody knows. */
static int gc_decode_rest(gc_state* s, const uint8_t** at, const uint8_t* end, uint32_t tag) {
    gc_piece url;
    if (tag != GC_FIELD(3, GC_LEN)) return gc_skip(s, at, end, tag) ? 1 : gc_within(s, tag >> 3, -1);
    return gc_piece_of(s, at, end, &url) && gc_text(s, url.p, url.n) ? 1 : gc_within(s, 3, -1);
}

/* ResourceSpans and ResourceMetrics have one shape: resource 1, groups 2, schema_url 3. Gives the number of the resource. */
static int gc_decode_resource_group(
    gc_state* s, const uint8_t* at, const uint8_t* end, gc_common* c, void* columns, gc_group_of decode, int32_t* number
) {
    uint32_t tag;
    size_t length, groups = 0, parts = 0;
    gc_piece resource = {at, 0};
    while (at < end) {
        if (!gc_tag(s, &at, end, &tag)) return 0;
        if (GC_LIKELY(tag == GC_FIELD(2, GC_LEN))) {
            if (!gc_count(s, at, &c->groups, GC_MAX_GROUPS, "more than 65536 scopes in a request; send smaller batches") ||
                !gc_length(s, &at, end, &length) || !gc_enter(s, at) || !decode(s, at, at + length, columns))
                return gc_within(s, 2, (int64_t)groups);
            gc_leave(s);
            at += length;
            groups++;
        } else if (tag == GC_FIELD(1, GC_LEN)) {
            if (!gc_length(s, &at, end, &length) || !gc_enter(s, at) || !gc_check(s, at, at + length, GC_RESOURCE))
                return gc_within(s, 1, -1);
            gc_leave(s);
            if (!parts++) {
                resource.p = at;
                resource.n = length;
            } else { /* a message given twice is merged, which is what its parts end to end say */
                if (parts == 2 && !gc_lay(s, &c->merged, 0, resource.p, resource.n)) return 0;
                if (!gc_lay(s, &c->merged, resource.n, at, length)) return 0;
                resource.p = c->merged.p;
                resource.n += length;
            }
            at += length;
        } else if (!gc_decode_rest(s, &at, end, tag)) {
            return 0;
        }
    }
    *number = gc_number_of(&c->resources, resource.p, resource.n);
    return *number < 0 ? gc_no_memory(s) : 1;
}

/* ScopeSpans and ScopeMetrics have one shape, too: scope 1, items 2, schema_url 3. Inlined, so that `decode` is no pointer. */
static inline __attribute__((always_inline)) int gc_decode_scope(
    gc_state* s, const uint8_t* at, const uint8_t* end, gc_common* c, void* columns, gc_group_of decode
) {
    uint32_t tag;
    size_t length, items = 0;
    while (at < end) {
        if (!gc_tag(s, &at, end, &tag)) return 0;
        if (GC_LIKELY(tag == GC_FIELD(2, GC_LEN))) {
            if (!gc_count(s, at, &c->items, GC_MAX_ITEMS, "more than 1048576 items in a request; send smaller batches") ||
                !gc_length(s, &at, end, &length) || !gc_enter(s, at) || !decode(s, at, at + length, columns))
                return gc_within(s, 2, (int64_t)items);
            gc_leave(s);
            at += length;
            items++;
        } else if (tag == GC_FIELD(1, GC_LEN)) {
            if (!gc_length(s, &at, end, &length) || !gc_enter(s, at) || !gc_check(s, at, at + length, GC_SCOPE))
                return gc_within(s, 1, -1);
            gc_leave(s);
            at += length;
        } else if (!gc_decode_rest(s, &at, end, tag)) {
            return 0;
        }
    }
    return 1;
}

/* A request: repeated groups in field 1. */
static int gc_decode(
    gc_state* s, const uint8_t* at, const uint8_t* end, gc_common* c, void* columns, gc_group_of decode, int32_t** resource
) {
    uint32_t tag;
    size_t length, groups = 0;
    gc_begin(s, at);
    c->groups = c->items = c->count = 0;
    while (at < end) {
        if (!gc_tag(s, &at, end, &tag)) return 0;
        if (tag == GC_FIELD(1, GC_LEN)) {
            size_t first = c->size;
            int32_t number;
            if (groups == GC_MAX_GROUPS) return gc_fail(s, at, "more than 65536 resources in a request; send smaller batches");
            if (!gc_length(s, &at, end, &length) || !gc_enter(s, at) ||
                !gc_decode_resource_group(s, at, at + length, c, columns, decode, &number))
                return gc_within(s, 1, (int64_t)groups);
            gc_leave(s);
            at += length;
            groups++;
            for (size_t i = first; i < c->size; i++) (*resource)[i] = number;
        } else if (!gc_skip(s, &at, end, tag)) {
            return gc_within(s, tag >> 3, -1);
        }
    }
    return 1;
}

#endif
