/** What the examples' own workers have in common: one address that takes a JSON object, and errors as JSON. */

/** What is wrong with a request, told to its sender. */
export class BadRequest extends Error {}

export type JsonFields = Readonly<Record<string, unknown>>;

/** Most bytes of a body. */
const most = 1 << 20;

async function fieldsOf(request: Request): Promise<JsonFields> {
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > most) throw new BadRequest(`the body has more than ${most} bytes`);
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    // Told below.
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as JsonFields;
  throw new BadRequest('the body is no JSON object');
}

const fail = (status: number, message: string): Response =>
  Response.json({ error: { message } }, { status });

/** `POST path` answers; `/health` says that the worker is there. `BadRequest` becomes status 400. */
export function answerAt(
  path: string,
  answer: (fields: JsonFields) => Response | Promise<Response>,
): { fetch(request: Request): Promise<Response> } {
  return {
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === '/health') return Response.json({ status: 'ok' });
      if (pathname !== path) return fail(404, `nothing at ${pathname}: POST ${path}`);
      if (request.method !== 'POST') return fail(405, 'use POST');
      try {
        return await answer(await fieldsOf(request));
      } catch (error) {
        if (error instanceof BadRequest) return fail(400, error.message);
        throw error;
      }
    },
  };
}
