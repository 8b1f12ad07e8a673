/* A libFuzzer target of the OTLP decoder: both signals, into columns that live on from input to input as a server's do.

Built and run by fuzz.sh. The payload lies in a block of its own size, so that AddressSanitizer sees a read of one byte too many.
Besides what the sanitizers see it checks that a refused request leaves nothing behind, that all numbers are within their
dictionaries, and that reading the same bytes twice gives the same. Then the same bytes are read into empty columns by an allocator
that fails once, at a place that the bytes choose.
*/
#include <stdlib.h>

static long allocations_left = -1; /* until one fails; never below 0 */

static void* failing_realloc(void* p, size_t n) { return allocations_left-- == 0 ? NULL : realloc(p, n); }
static void* failing_calloc(size_t k, size_t n) { return allocations_left-- == 0 ? NULL : calloc(k, n); }
#define realloc failing_realloc
#define calloc failing_calloc
#include "_otlp_points.h"
#include "_otlp_spans.h"

#define ENSURE(x) \
    do { \
        if (!(x)) __builtin_trap(); \
    } while (0)

static gc_traces traces;
static gc_metrics metrics;

static void begin(gc_common* c) {
    c->until_ns = c->newest_ns = UINT64_MAX;
    c->resources.seed = 0x5eed;
}

int LLVMFuzzerInitialize(int* argc, char*** argv) {
    (void)argc;
    (void)argv;
    begin(&traces.c);
    begin(&metrics.c);
    return 0;
}

static void check_fault(const gc_state* s, const uint8_t* data, size_t size) {
    ENSURE(s->what && s->where >= data && s->where <= data + size);
    ENSURE(s->steps >= 0 && s->steps <= GC_MAX_PATH);
}

static void read_traces(const uint8_t* data, size_t size) {
    gc_state s;
    size_t before = traces.c.size, names = traces.names.count, callers = traces.callers.count;
    size_t resources = traces.c.resources.count;
    int taken = gc_decode_traces(&s, data, data + size, &traces);
    if (!taken) {
        check_fault(&s, data, size);
        traces.c.size = before;
        gc_texts_cut(&traces.names, names);
        gc_texts_cut(&traces.callers, callers);
        gc_texts_cut(&traces.c.resources, resources);
    }
    ENSURE(traces.c.size - before <= traces.c.count);
    for (size_t i = before; i < traces.c.size; i++) {
        ENSURE(traces.name[i] >= 0 && (size_t)traces.name[i] < traces.names.count);
        ENSURE(traces.caller[i] >= -1 && (traces.caller[i] < 0 || (size_t)traces.caller[i] < traces.callers.count));
        ENSURE(traces.resource[i] >= 0 && (size_t)traces.resource[i] < traces.c.resources.count);
    }
    if (taken && traces.c.size > before) {
        size_t added = traces.c.size - before, known = traces.names.count;
        ENSURE(gc_decode_traces(&s, data, data + size, &traces));
        ENSURE(traces.c.size == before + 2 * added && traces.names.count == known);
        for (size_t i = before; i < before + added; i++) {
            ENSURE(traces.name[i] == traces.name[i + added] && traces.resource[i] == traces.resource[i + added]);
            ENSURE(traces.start_ns[i] == traces.start_ns[i + added] && traces.marks[i] == traces.marks[i + added]);
        }
    }
    if (traces.c.size > 4096) {
        void** of[16];
        gc_clear(&traces.c, gc_traces_columns(&traces, of), 16);
        gc_texts_clear(&traces.names);
        gc_texts_clear(&traces.callers);
    }
}

static void read_metrics(const uint8_t* data, size_t size) {
    gc_state s;
    size_t before = metrics.c.size, known = metrics.metrics.count, sets = metrics.attribute_sets.count;
    size_t resources = metrics.c.resources.count;
    if (!gc_decode_metrics(&s, data, data + size, &metrics)) {
        check_fault(&s, data, size);
        metrics.c.size = before;
        gc_texts_cut(&metrics.metrics, known);
        gc_texts_cut(&metrics.attribute_sets, sets);
        gc_texts_cut(&metrics.c.resources, resources);
    }
    ENSURE(metrics.c.size - before <= metrics.c.count);
    for (size_t i = before; i < metrics.c.size; i++) {
        ENSURE(metrics.metric[i] >= 0 && (size_t)metrics.metric[i] < metrics.metrics.count);
        ENSURE(metrics.attributes[i] >= 0 && (size_t)metrics.attributes[i] < metrics.attribute_sets.count);
        ENSURE(metrics.resource[i] >= 0 && (size_t)metrics.resource[i] < metrics.c.resources.count);
    }
    if (metrics.c.size > 4096) {
        void** of[9];
        gc_clear(&metrics.c, gc_metrics_columns(&metrics, of), 9);
        gc_texts_clear(&metrics.metrics);
        gc_texts_clear(&metrics.attribute_sets);
    }
}

static void read_without_memory(const uint8_t* data, size_t size) {
    gc_traces t;
    gc_metrics m;
    gc_state s;
    void** of[16];
    memset(&t, 0, sizeof t);
    memset(&m, 0, sizeof m);
    begin(&t.c);
    begin(&m.c);
    for (int again = 0; again < 2; again++) { /* after a failure the next request finds all in order */
        allocations_left = again ? -1 : data[size / 2] % 32;
        if (!gc_decode_traces(&s, data, data + size, &t)) {
            check_fault(&s, data, size);
            t.c.size = 0;
            gc_texts_cut(&t.names, 0);
            gc_texts_cut(&t.callers, 0);
            gc_texts_cut(&t.c.resources, 0);
        }
        allocations_left = again ? -1 : data[size / 2] % 32;
        if (!gc_decode_metrics(&s, data, data + size, &m)) {
            check_fault(&s, data, size);
            m.c.size = 0;
            gc_texts_cut(&m.metrics, 0);
            gc_texts_cut(&m.attribute_sets, 0);
            gc_texts_cut(&m.c.resources, 0);
        }
    }
    allocations_left = -1;
    gc_free_columns(gc_traces_columns(&t, of), 16, &t.c.room);
    gc_free_columns(gc_metrics_columns(&m, of), 9, &m.c.room);
    gc_texts* all[] = {&t.names, &t.callers, &t.c.resources, &m.metrics, &m.attribute_sets, &m.c.resources};
    for (int i = 0; i < 6; i++) gc_texts_free(all[i]);
    free(t.c.scratch.p);
    free(t.c.merged.p);
    free(m.c.scratch.p);
    free(m.c.merged.p);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    uint8_t* payload = malloc(size ? size : 1);
    if (!payload) return 0;
    if (size) memcpy(payload, data, size);
    read_traces(payload, size);
    read_metrics(payload, size);
    if (size) read_without_memory(payload, size);
    free(payload);
    return 0;
}
