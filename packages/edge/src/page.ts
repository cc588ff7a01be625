/** The page that browsers get at `/`: a form for each model. It holds nothing of the models and asks for them itself. */

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
textarea{width:100%;height:8rem;font:13px monospace}pre{background:#8882;padding:1rem;overflow:auto;max-height:20rem}
section{border-top:1px solid #8886;margin-top:1.5rem}input,button{font:inherit}`;

/** Texts go into the page as text, never as HTML. */
const script = `const make = (tag, text, props) => Object.assign(document.createElement(tag), { textContent: text ?? '' }, props);
const key = document.getElementById('key');
const main = document.querySelector('main');
const auth = () => (key.value === '' ? {} : { authorization: 'Bearer ' + key.value });
const zeros = ({ dtype, shape }) => (shape ?? []).map((d) => (typeof d === 'number' ? d : 1))
  .reduceRight((items, d) => new Array(d).fill(items), dtype === 'bool' ? false : 0);
async function ask(path, options, result) {
  const started = performance.now();
  result.textContent = '...';
  try {
    const response = await fetch(path, options);
    const text = await response.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 1); } catch { /* shown as it came */ }
    result.textContent = response.status + ' in ' + (performance.now() - started).toFixed(0) + ' ms\\n' + shown.slice(0, 20000);
  } catch (error) { result.textContent = String(error); }
}
function show(model) {
  const section = make('section');
  const list = (values) => values.map((v) => v.name + ' ' + v.dtype + ' [' + (v.shape ?? ['?']).join(', ') + ']').join('; ');
  const path = 'models/' + encodeURIComponent(model.name) + '/predict';
  const body = make('textarea', '', { value: JSON.stringify({ inputs: Object.fromEntries(model.inputs.map((v) => [v.name, zeros(v)])) }) });
  const send = make('button', 'Send JSON');
  const result = make('pre');
  send.onclick = () => ask(path, { method: 'POST', headers: { ...auth(), 'content-type': 'application/json' }, body: body.value }, result);
  section.append(make('h2', model.name), make('p', model.description), make('p', 'In: ' + list(model.inputs)), make('p', 'Out: ' + list(model.outputs)), body, send);
  const types = model.accepts.slice(1);
  if (types.length > 0) {
    const file = make('input', '', { type: 'file', accept: types.join() });
    file.onchange = () => { if (file.files[0]) ask(path, { method: 'POST', headers: { ...auth(), 'content-type': file.files[0].type }, body: file.files[0] }, result); };
    section.append(' or a file: ', file);
  }
  section.append(result);
  main.append(section);
}
function showText(model) {
  const section = make('section');
  const body = make('textarea', '', { value: JSON.stringify({ model: model.name, prompt: '', max_tokens: 64 }) });
  const send = make('button', 'Complete');
  const result = make('pre');
  send.onclick = () => ask('v1/completions', { method: 'POST', headers: { ...auth(), 'content-type': 'application/json' }, body: body.value }, result);
  section.append(make('h2', model.name), body, send, result);
  main.append(section);
}
async function load() {
  main.replaceChildren();
  const response = await fetch('./', { headers: { ...auth(), accept: 'application/json' } });
  if (response.status === 401) { main.append(make('p', 'A key is needed.')); return; }
  const answer = await response.json();
  if (!response.ok) main.append(make('p', JSON.stringify(answer)));
  else { answer.models.forEach(show); (answer.textModels ?? []).forEach(showText); }
}
key.onchange = load;
load();`;

const page = (nonce: string): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Models</title>
<style nonce="${nonce}">${style}</style>
<h1>Models</h1>
<p><label>Key <input id="key" type="password" autocomplete="off"></label> <a href="openapi.json">OpenAPI</a></p>
<main></main>
<script nonce="${nonce}">${script}</script>
</html>
`;

/** Whether the client would rather have HTML than JSON, as browsers do. */
export function wantsPage(accept: string | undefined): boolean {
  const html = accept?.indexOf('text/html') ?? -1;
  const json = accept?.indexOf('application/json') ?? -1;
  return html >= 0 && (json < 0 || html < json);
}

/** The test page. Nothing but its own script runs in it, and it talks to this handler alone. */
export function testPage(): Response {
  const nonce = crypto.randomUUID();
  return new Response(page(nonce), {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'cache-control': 'no-store',
      vary: 'accept',
    },
  });
}
