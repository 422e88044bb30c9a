/** What the downloads of the tests come from. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A file server on loopback that can be told to misbehave. */
export class FileServer {
  content = randomBytes(3_000_000);
  etag: string | null = '"one"';
  /** Bytes of the body after which each connection is cut; empty: none is. */
  cuts: number[] = [];
  /** Statuses to answer with first. */
  statuses: number[] = [];
  silent = false;
  redirect = false;
  readonly ranges: (string | undefined)[] = [];
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));

  async start(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
  }
  /** Once or more often. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.silent) return;
    if (this.redirect && !request.url?.startsWith('/moved')) {
      response.writeHead(302, { location: '/moved/file' }).end();
      return;
    }
    this.ranges.push(request.headers.range);
    const status = this.statuses.shift();
    if (status !== undefined) {
      response.writeHead(status).end();
      return;
    }
    const tag = this.etag === null ? {} : { etag: this.etag };
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    const from = asked && request.headers['if-range'] === this.etag ? Number(asked) : 0;
    const body = this.content.subarray(from);
    // a server that labels a .gz as gzip-encoded, as some do
    const headers = { ...tag, 'content-encoding': 'x-gzip', 'content-length': body.length };
    if (from > 0)
      response.writeHead(206, {
        ...headers,
        'content-range': `bytes ${from}-${this.content.length - 1}/${this.content.length}`,
      });
    else response.writeHead(200, headers);
    const cut = this.cuts.shift();
    if (cut === undefined) response.end(body);
    else response.write(body.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
  }
}
