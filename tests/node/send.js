// Sends spans with the stock Node.js OpenTelemetry SDK: node send.js ENDPOINT TOKEN none|gzip COUNT
'use strict';

const { Metadata, credentials } = require('@grpc/grpc-js');
const { SpanStatusCode } = require('@opentelemetry/api');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-grpc');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const [endpoint, token, compression, count] = process.argv.slice(2);

const metadata = new Metadata();
metadata.set('authorization', `Bearer ${token}`);
const exporter = new OTLPTraceExporter({ url: endpoint, metadata, compression, credentials: credentials.createInsecure() });
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ 'service.name': `node-${compression}` }),
  spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: 10000, maxExportBatchSize: 200 })],
});

const tracer = provider.getTracer('sender');
const start = Date.now() - 1000;
for (let i = 0; i < Number(count); i += 1) {
  const span = tracer.startSpan(`job ${i % 3}`, { startTime: start });
  span.setAttribute('index', i);
  span.setStatus({ code: SpanStatusCode.OK });
  span.end(start + 20);
}
provider.shutdown().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
