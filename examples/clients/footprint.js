// Asks a greencloud server from Node.js with nothing of greencloud but its .proto files.
//
//   npm install @grpc/grpc-js @grpc/proto-loader
//   export GREENCLOUD_TOKEN=...
//   node footprint.js query  HOST:PORT PROTO_FOLDER 2026-11-01T00:00:00Z 2026-12-01T00:00:00Z account,component
//   node footprint.js stream HOST:PORT PROTO_FOLDER 2026-11-01T00:00:00Z 2026-12-01T00:00:00Z > november.arrows
//
// `query` prints one JSON object a row, page by page. `stream` writes every posting as one Arrow IPC stream, which any Arrow library
// reads; where the connection breaks it goes on after the last part that came whole, in another stream behind the first.
// GREENCLOUD_PAGE_SIZE sets how many rows a page has, GREENCLOUD_CA a file with the certificate of the server's authority.
'use strict';

const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const NANO = 1000000000n;

function connect(target, folder) {
  const definition = loader.loadSync('greencloud/v1/footprint_service.proto', {
    includeDirs: [folder],
    keepCase: true,
    longs: String, // amounts are int64, of which a JavaScript number loses digits
    enums: String,
    defaults: true,
  });
  const { FootprintService } = grpc.loadPackageDefinition(definition).greencloud.v1;
  const authority = process.env.GREENCLOUD_CA;
  const credentials = authority ? grpc.credentials.createSsl(fs.readFileSync(authority)) : grpc.credentials.createInsecure();
  return new FootprintService(target, credentials);
}

function metadata() {
  const sent = new grpc.Metadata();
  sent.set('authorization', `Bearer ${process.env.GREENCLOUD_TOKEN}`);
  return sent;
}

// Whole units and a fraction, as the API sends an amount, in the smallest unit: exact.
function exact(whole, part) {
  return (BigInt(whole) * NANO + BigInt(part)).toString();
}

function timestamp(text) {
  return { seconds: String(Math.floor(Date.parse(text) / 1000)), nanos: 0 };
}

function instant(time) {
  return new Date(Number(time.seconds) * 1000).toISOString().replace('.000Z', 'Z');
}

function call(client, method, request) {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 30000 };
    client[method](request, metadata(), options, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

async function query(client, request) {
  let token = '';
  do {
    // eslint-disable-next-line no-await-in-loop -- a page tells where the next begins
    const page = await call(client, 'QueryFootprint', { ...request, page_token: token });
    for (const row of page.rows) {
      const energy = row.energy;
      const mass = row.total_location_based;
      process.stdout.write(
        `${JSON.stringify({
          start: instant(row.start_time),
          end: instant(row.end_time),
          dimensions: row.dimensions,
          energy_millijoules: exact(energy.megajoules, energy.millijoules),
          total_location_based_micrograms: exact(mass.kilograms, mass.micrograms),
        })}\n`,
      );
    }
    token = page.next_page_token;
  } while (token);
}

async function stream(client, request, tries = 5) {
  let resume = '';
  for (let left = tries; ; left -= 1) {
    try {
      const parts = client.StreamFootprint({ ...request, content: 'STREAM_CONTENT_POSTINGS', resume_token: resume }, metadata());
      // eslint-disable-next-line no-await-in-loop
      for await (const part of parts) {
        process.stdout.write(part.arrow_ipc);
        resume = part.resume_token;
      }
      return;
    } catch (error) {
      if (error.code !== grpc.status.UNAVAILABLE || !left) throw error;
    }
  }
}

async function main([verb, target, folder, start, end, by = '']) {
  const client = connect(target, folder);
  const times = { start_time: timestamp(start), end_time: timestamp(end) };
  if (verb === 'stream') {
    await stream(client, times);
  } else {
    const size = Number(process.env.GREENCLOUD_PAGE_SIZE || 0);
    await query(client, { ...times, group_by: by ? by.split(',') : [], page_size: size });
  }
  client.close();
}

main(process.argv.slice(2)).catch((error) => {
  // The reason and the advice are in the message; in detail they are in error.metadata, as google.rpc.Status.
  process.stderr.write(`${grpc.status[error.code] || 'ERROR'}: ${error.details || error.message}\n`);
  process.exitCode = 1;
});
