/** Routes requests to functions: patterns with parameters, middleware, and answers as values. */

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Request {
  readonly method: Method;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

export interface Response {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

export interface Context {
  readonly request: Request;
  readonly params: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
  readonly state: Map<string, unknown>;
}

export type Endpoint = (context: Context) => Promise<Response> | Response;
export type Middleware = (context: Context, next: Endpoint) => Promise<Response>;

export class RouteError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = "RouteError";
  }
}

interface Segment {
  readonly kind: "literal" | "parameter" | "rest";
  readonly value: string;
}

interface Route {
  readonly method: Method;
  readonly pattern: string;
  readonly segments: readonly Segment[];
  readonly endpoint: Endpoint;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export function text(body: string, status = 200): Response {
  const headers = new Map([["content-type", "text/plain; charset=utf-8"]]);
  return { status, headers, body: encoder.encode(body) };
}

export function json(value: unknown, status = 200): Response {
  const headers = new Map([["content-type", "application/json"]]);
  return { status, headers, body: encoder.encode(JSON.stringify(value)) };
}

export function redirect(location: string, permanent = false): Response {
  const headers = new Map([["location", location]]);
  return { status: permanent ? 308 : 307, headers, body: new Uint8Array() };
}

/** Reads a JSON body, and refuses what is none. */
export function readJson<T>(request: Request, check: (value: unknown) => value is T): T {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(request.body));
  } catch (error) {
    throw new RouteError(400, `The body is not JSON: ${String(error)}`);
  }
  if (!check(value)) {
    throw new RouteError(422, "The body does not have the expected shape.");
  }
  return value;
}

function parsePattern(pattern: string): Segment[] {
  if (!pattern.startsWith("/")) {
    throw new Error(`A pattern starts with a slash, this one does not: ${pattern}`);
  }
  const parts = pattern.split("/").filter((part) => part.length > 0);
  return parts.map((part, index) => {
    if (part.startsWith(":")) {
      return { kind: "parameter", value: part.slice(1) };
    }
    if (part.startsWith("*")) {
      if (index !== parts.length - 1) {
        throw new Error(`A rest segment stands last, here it does not: ${pattern}`);
      }
      return { kind: "rest", value: part.slice(1) };
    }
    return { kind: "literal", value: part };
  });
}

function matchSegments(segments: readonly Segment[], parts: readonly string[]): Map<string, string> | undefined {
  const params = new Map<string, string>();
  for (const [index, segment] of segments.entries()) {
    const part = parts[index];
    if (segment.kind === "rest") {
      params.set(segment.value, parts.slice(index).join("/"));
      return params;
    }
    if (part === undefined) {
      return undefined;
    }
    if (segment.kind === "parameter") {
      params.set(segment.value, decodeURIComponent(part));
    } else if (segment.value !== part) {
      return undefined;
    }
  }
  return segments.length === parts.length ? params : undefined;
}

/** How special a route is: literals before parameters before rests. */
function specificity(route: Route): number {
  let score = 0;
  for (const segment of route.segments) {
    score = score * 3 + (segment.kind === "literal" ? 2 : segment.kind === "parameter" ? 1 : 0);
  }
  return score;
}

export class Router {
  private readonly routes: Route[] = [];
  private readonly middleware: Middleware[] = [];
  private isSorted = true;

  constructor(private readonly prefix = "") {}

  use(middleware: Middleware): this {
    this.middleware.push(middleware);
    return this;
  }

  get(pattern: string, endpoint: Endpoint): this {
    return this.add("GET", pattern, endpoint);
  }

  post(pattern: string, endpoint: Endpoint): this {
    return this.add("POST", pattern, endpoint);
  }

  delete(pattern: string, endpoint: Endpoint): this {
    return this.add("DELETE", pattern, endpoint);
  }

  add(method: Method, pattern: string, endpoint: Endpoint): this {
    const full = this.prefix + pattern;
    const segments = parsePattern(full);
    const known = this.routes.find((route) => route.method === method && route.pattern === full);
    if (known !== undefined) {
      throw new Error(`There are two routes for ${method} ${full}`);
    }
    this.routes.push({ method, pattern: full, segments, endpoint });
    this.isSorted = false;
    return this;
  }

  mount(other: Router): this {
    for (const route of other.routes) {
      this.add(route.method, route.pattern, other.wrap(route.endpoint));
    }
    return this;
  }

  async handle(request: Request, signal: AbortSignal): Promise<Response> {
    const state = new Map<string, unknown>();
    const found = this.find(request);
    const context: Context = { request, params: found.params, signal, state };
    try {
      return await this.wrap(found.endpoint)(context);
    } catch (error) {
      return this.explain(error, request);
    }
  }

  /** Lists what is routed where, one line a route. */
  describe(): string {
    this.sort();
    const width = Math.max(...this.routes.map((route) => route.method.length));
    const lines = this.routes.map((route) => `${route.method.padEnd(width)} ${route.pattern}`);
    return lines.join("\n");
  }

  private find(request: Request): { endpoint: Endpoint; params: ReadonlyMap<string, string> } {
    this.sort();
    const parts = request.path.split("/").filter((part) => part.length > 0);
    const allowed = new Set<Method>();
    for (const route of this.routes) {
      const params = matchSegments(route.segments, parts);
      if (params === undefined) {
        continue;
      }
      if (route.method === request.method) {
        return { endpoint: route.endpoint, params };
      }
      allowed.add(route.method);
    }
    const endpoint = allowed.size > 0 ? refuseMethod([...allowed]) : notFound;
    return { endpoint, params: new Map() };
  }

  private wrap(endpoint: Endpoint): Endpoint {
    return this.middleware.reduceRight<Endpoint>(
      (next, middleware) => (context) => middleware(context, next),
      endpoint,
    );
  }

  private sort(): void {
    if (this.isSorted) {
      return;
    }
    this.routes.sort((a, b) => specificity(b) - specificity(a));
    this.isSorted = true;
  }

  private explain(error: unknown, request: Request): Response {
    if (error instanceof RouteError) {
      return json({ error: error.message }, error.status);
    }
    console.error(`${request.method} ${request.path} failed`, error);
    return json({ error: "Something went wrong here." }, 500);
  }
}

function notFound(context: Context): Response {
  return json({ error: `Nothing is at ${context.request.path}` }, 404);
}

function refuseMethod(allowed: readonly Method[]): Endpoint {
  return () => {
    const refusal = json({ error: "This method is not possible here." }, 405);
    const headers = new Map([...refusal.headers, ["allow", allowed.join(", ")]]);
    return { ...refusal, headers };
  };
}

/** Ends requests that take too long. */
export function withTimeout(milliseconds: number): Middleware {
  return async (context, next) => {
    const timeout = AbortSignal.timeout(milliseconds);
    const signal = AbortSignal.any([context.signal, timeout]);
    const answer = await next({ ...context, signal });
    if (timeout.aborted) {
      throw new RouteError(504, `No answer within ${milliseconds} ms.`);
    }
    return answer;
  };
}

/** Lets a client do only so much in a while; the oldest requests are forgotten first. */
export function withRateLimit(limit: number, windowMs: number, now: () => number = Date.now): Middleware {
  const seen = new Map<string, number[]>();
  return async (context, next) => {
    const client = context.request.headers.get("x-client") ?? "unknown";
    const start = now() - windowMs;
    const recent = (seen.get(client) ?? []).filter((time) => time > start);
    if (recent.length >= limit) {
      const seconds = Math.ceil((recent[0]! - start) / 1000);
      throw new RouteError(429, `Too many requests; try again in ${seconds} s.`);
    }
    recent.push(now());
    seen.set(client, recent);
    return next(context);
  };
}

export function withLog(write: (line: string) => void): Middleware {
  return async (context, next) => {
    const started = performance.now();
    const answer = await next(context);
    const took = (performance.now() - started).toFixed(1);
    write(`${context.request.method} ${context.request.path} ${answer.status} ${took} ms`);
    return answer;
  };
}
