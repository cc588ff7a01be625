/** How a report looks: light and dark, on screen and on paper. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --ink: #1b1f24; --quiet: #59636e; --line: #d5dae0;
  --first: #1f5fbf; --second: #b4530a; --third: #16794c; --reference: #7a838d; --bad: #b42318;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1216; --card: #181c22; --ink: #e6e9ed; --quiet: #9aa4af; --line: #323942;
    --first: #6ea8fe; --second: #f5a45d; --third: #5fcf97; --reference: #8b949e; --bad: #ff8a80;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main, header { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 32px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 0 0 12px; }
h3 { font-size: 14px; font-weight: 600; margin: 0; }
h3::first-letter { text-transform: uppercase; }
p { margin: 0 0 12px; }
.quiet, figcaption, caption { color: var(--quiet); }
section {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px 24px; margin: 20px 0;
}
dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0; }
dl.facts div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
dl.facts dt { color: var(--quiet); font-size: 13px; }
dl.facts dd { margin: 0; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; }
dl.facts dd small { display: block; font-size: 12px; font-weight: 400; color: var(--quiet); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 28px 32px; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: 13px; margin-top: 4px; }
.plot { min-height: 270px; }
.u-legend { text-align: left !important; font-size: 13px !important; }
.u-legend th, .u-legend td { border: 0 !important; }
.u-legend .u-series > * { padding: 2px 8px 2px 0 !important; }
.pair { display: flex; flex-wrap: wrap; gap: 28px; align-items: flex-start; }
.pair > * { min-width: 0; max-width: 100%; }
.scroll { overflow: auto; max-height: 560px; max-width: 100%; }
.scroll:focus-visible { outline: 2px solid var(--first); outline-offset: 2px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
caption { text-align: left; font-size: 13px; padding-bottom: 6px; }
th, td { padding: 4px 12px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, table.left th, table.left td:nth-child(2) { text-align: left; }
thead th { font-weight: 600; color: var(--quiet); position: sticky; top: 0; background: var(--card); }
tbody th { font-weight: 500; }
table.confusion th, table.confusion td { border: 0; padding: 6px 9px; text-align: center; min-width: 38px; }
table.confusion th[scope="row"] { text-align: right; position: sticky; left: 0; background: var(--card); }
table.confusion td { border: 2px solid var(--card); }
table.confusion tbody td {
  background: color-mix(in srgb, var(--second) calc(12% + var(--share) * 88%), var(--card));
}
table.confusion tbody td.right {
  background: color-mix(in srgb, var(--first) calc(12% + var(--share) * 88%), var(--card)); font-weight: 600;
}
table.confusion tbody td.none { background: none; color: var(--quiet); }
table.confusion tbody td.strong { color: var(--card); }
.pictures { display: flex; flex-wrap: wrap; gap: 16px; }
.pictures img { max-width: 100%; height: auto; display: block; image-rendering: pixelated; border-radius: 4px; }
.samples { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fill, minmax(128px, 1fr)); }
.samples.texts { grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); }
.samples li { border: 1px solid var(--line); border-radius: 8px; padding: 10px; text-align: center; }
.samples li.wrong { border: 2px solid var(--bad); padding: 9px; }
.samples li.wrong strong { color: var(--bad); }
.samples p { margin: 6px 0 0; overflow-wrap: anywhere; }
.samples img { max-width: 100%; height: auto; display: block; margin: 0 auto; border-radius: 4px; }
.samples img.small { width: 96px; image-rendering: pixelated; }
pre { margin: 0; font: 13px/1.45 ui-monospace, "SFMono-Regular", Menlo, "DejaVu Sans Mono", monospace; }
details { margin-top: 16px; }
summary { cursor: pointer; color: var(--first); font-weight: 500; padding: 4px 0; }
details[open] > summary { margin-bottom: 10px; }
footer { max-width: 1180px; margin: 0 auto; padding: 0 24px 32px; color: var(--quiet); font-size: 13px; }
@media print {
  body { background: none; } section { break-inside: avoid; } .scroll { overflow: visible; max-height: none; }
}
`;
