// Sends spans with Deno's built-in OpenTelemetry, under OTEL_DENO=true and the usual OTEL_* variables: deno run spans.ts COUNT
const tracer = Deno.telemetry.tracerProvider.getTracer("sender");
const start = Date.now() - 1000;
for (let i = 0; i < Number(Deno.args[0]); i += 1) {
  tracer.startSpan(`job ${i % 3}`, { startTime: start, attributes: { index: i } }).end(start + 20);
}
