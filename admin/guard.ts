/**
 * What a request must and a response does look like, so that a browser can't be made to misuse the admin.
 *
 * @module
 */

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  // Not no-referrer: a form would then be sent without its origin.
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

/** The response with the headers that every response has; what it says about caching stays, else it is not kept. */
export function secure(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

/** Whether the request was sent to one of these host names, by its address and by its Host header. */
export function isForHost(request: Request, hosts: ReadonlySet<string> | undefined): boolean {
  if (hosts === undefined) return true;
  const header = request.headers.get("host");
  if (header !== null && !hosts.has(hostNameOf(header))) return false;
  return hosts.has(new URL(request.url).hostname.toLowerCase());
}

function hostNameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, "");
}

/**
 * Whether a page of somebody else's asks for this, otherwise than by leading its reader here. It could not read the
 * answer, but it could have the admin work for it. What acts is judged by `isOwnRequest`.
 */
export function isForeignFetch({ headers, method }: Request): boolean {
  const site = headers.get("sec-fetch-site");
  return method !== "POST" && (site === "cross-site" || site === "same-site") &&
    headers.get("sec-fetch-dest") !== "document";
}

/**
 * Whether an action can't have been sent by a page of somebody else's in the operator's browser. Browsers say where a
 * request comes from; programs that don't have to send JSON, which a foreign page can't without being asked about it.
 */
export function isOwnRequest(request: Request): boolean {
  const { headers } = request;
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") return false;
  const origin = headers.get("origin");
  if (origin !== null) return URL.canParse(origin) && new URL(origin).host === new URL(request.url).host;
  if (site !== null) return true;
  return mediaType(request) === "application/json";
}

/** The media type of a request's body, in lower case and without parameters. */
export function mediaType(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
}
