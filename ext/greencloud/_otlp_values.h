/* Attributes: keys with the scalars among their values.

Nearly every attribute is a key and one short text or number, written the plain way. That form is looked for first, in a few
compares and with one look at all its bytes for UTF-8; whatever is not of it goes through the general readers, which take any form
that protobuf takes. */
#ifndef GREENCLOUD_OTLP_VALUES_H
#define GREENCLOUD_OTLP_VALUES_H

#include "_otlp_schema.h"

#define GC_MAX_ATTRIBUTES 128
#define GC_FIELD(number, wire) ((number) << 3 | (wire))

typedef struct {
    const uint8_t* p;
    size_t n;
} gc_piece;

/* The value of an attribute: kind is the field number of the scalar, 0 for none and for arrays, maps and indices. */
typedef struct {
    int kind;
    gc_piece text;
    uint64_t number;
} gc_value;

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire is little-endian, and is read as it is"
#endif

GC_INLINE int gc_piece_of(gc_state* s, const uint8_t** at, const uint8_t* end, gc_piece* piece) {
    if (!gc_length(s, at, end, &piece->n)) return 0;
    piece->p = *at;
    *at += piece->n;
    return 1;
}

GC_INLINE int gc_fixed64(gc_state* s, const uint8_t** at, const uint8_t* end, uint64_t* value) {
    if (GC_UNLIKELY(end - *at < 8)) return gc_fail(s, end, "the message ends within a number");
    *value = gc_load8(*at);
    *at += 8;
    return 1;
}

/* Merge an AnyValue into `value`. */
static int gc_any_value(gc_state* s, const uint8_t* at, const uint8_t* end, gc_value* value) {
    const uint8_t* start = at;
    uint32_t tag;
    while (at < end) {
        const uint8_t* from = at;
        if (!gc_tag(s, &at, end, &tag)) return 0;
        switch (tag) {
            case GC_FIELD(1, GC_LEN):
                if (!gc_piece_of(s, &at, end, &value->text) || !gc_text(s, value->text.p, value->text.n))
                    return gc_within(s, 1, -1);
                value->kind = 1;
                break;
            case GC_FIELD(2, GC_VARINT):
            case GC_FIELD(3, GC_VARINT):
                if (!gc_varint(s, &at, end, &value->number)) return gc_within(s, tag >> 3, -1);
                value->kind = (int)(tag >> 3);
                break;
            case GC_FIELD(4, GC_I64):
                if (!gc_fixed64(s, &at, end, &value->number)) return gc_within(s, 4, -1);
                value->kind = 4;
                break;
            case GC_FIELD(7, GC_LEN):
                if (!gc_piece_of(s, &at, end, &value->text)) return gc_within(s, 7, -1);
                value->kind = 7;
                break;
            case GC_FIELD(5, GC_LEN):
            case GC_FIELD(6, GC_LEN):
            case GC_FIELD(8, GC_VARINT):
                value->kind = 0;
                /* fall through */
            default:
                if (!gc_check_field(s, &at, end, tag, GC_ANY_VALUE, start, from)) return 0;
        }
    }
    return 1;
}

/* A KeyValue of any form. */
static int gc_key_value(gc_state* s, const uint8_t* at, const uint8_t* end, gc_piece* key, gc_value* value) {
    const uint8_t* start = at;
    uint32_t tag;
    size_t length;
    *key = (gc_piece){at, 0};
    *value = (gc_value){0, {at, 0}, 0};
    while (at < end) {
        const uint8_t* from = at;
        if (!gc_tag(s, &at, end, &tag)) return 0;
        if (tag == GC_FIELD(1, GC_LEN)) {
            if (!gc_piece_of(s, &at, end, key) || !gc_text(s, key->p, key->n)) return gc_within(s, 1, -1);
        } else if (tag == GC_FIELD(2, GC_LEN)) {
            if (!gc_length(s, &at, end, &length) || !gc_enter(s, at) || !gc_any_value(s, at, at + length, value))
                return gc_within(s, 2, -1);
            gc_leave(s);
            at += length;
        } else if (!gc_check_field(s, &at, end, tag, GC_KEY_VALUE, start, from)) {
            return 0;
        }
    }
    return 1;
}

/* The plain form, from the length of the KeyValue on: LENGTH 0a KEY 12 VALUE, where VALUE is 0a TEXT or 18 NUMBER, all to the end,
and no length is more than one byte. Gives the end, or NULL for another form, valid or not. The lengths need no look at their high
bits, since the parts fit into a whole of less than 0x80. */
GC_INLINE const uint8_t* gc_plain(const uint8_t* at, const uint8_t* end, gc_piece* key, gc_value* value) {
    size_t room = (size_t)(end - at);
    if (GC_UNLIKELY(room < 8)) return NULL;
    size_t length = at[0], n = at[2];
    if (GC_UNLIKELY(length < 6 || length > 0x7f || length >= room || at[1] != GC_FIELD(1, GC_LEN) || n + 6 > length)) return NULL;
    const uint8_t *last = at + 1 + length, *inner = at + n + 3;
    size_t left = length - n - 4;
    uint64_t head = gc_load4(inner), wanted = GC_FIELD(2, GC_LEN) | left << 8;
    key->p = at + 3;
    key->n = n;
    if (head == (wanted | GC_FIELD(1, GC_LEN) << 16 | (left - 2) << 24)) {
        value->kind = 1;
        value->text.p = inner + 4;
        value->text.n = left - 2;
        value->number = 0;
        return gc_ascii(at, length + 1) ? last : NULL; /* tags and lengths are below 0x80 as well */
    }
    if (GC_LIKELY((head & 0xffffff) == (wanted | GC_FIELD(3, GC_VARINT) << 16) && left <= 9)) {
        /* Of the eight bytes to the end the last are the number; those before it are of the message, and are cut off. */
        unsigned other = 8 * (9 - (unsigned)left);
        uint64_t bytes = gc_load8(last - 8) >> other;
        if (GC_UNLIKELY((bytes & 0x8080808080808080u) != (0x8080808080808080u >> other) >> 8)) return NULL;
        bytes &= 0x7f7f7f7f7f7f7f7fu;
        bytes = (bytes & 0x007f007f007f007fu) | (bytes & 0x7f007f007f007f00u) >> 1;
        bytes = (bytes & 0x00003fff00003fffu) | (bytes & 0x3fff00003fff0000u) >> 2;
        bytes = (bytes & 0x000000000fffffffu) | (bytes & 0x0fffffff00000000u) >> 4;
        value->kind = 3;
        value->text.p = inner;
        value->text.n = 0;
        value->number = bytes;
        return gc_ascii(at, n + 3) ? last : NULL;
    }
    return NULL;
}

/* A KeyValue after its tag, which is there before it. */
GC_INLINE int gc_attribute(gc_state* s, const uint8_t** at, const uint8_t* end, gc_piece* key, gc_value* value) {
    const uint8_t* last = gc_plain(*at, end, key, value);
    if (GC_UNLIKELY(!last)) {
        gc_piece slow_key; /* others than the caller's, whose own need no address then */
        gc_value slow_value;
        size_t length;
        if (!gc_length(s, at, end, &length) || !gc_enter(s, *at)) return 0;
        last = *at + length;
        if (!gc_key_value(s, *at, last, &slow_key, &slow_value)) return 0;
        gc_leave(s);
        *key = slow_key;
        *value = slow_value;
    }
    *at = last;
    return 1;
}

#endif
