/**
 * What runs in the page: draws each chart with uPlot, in the colours of the page, again when these or the
 * width change. Plain JavaScript as text: it goes into the page as it stands.
 */
export const client = `
'use strict';
(() => {
  const charts = JSON.parse(document.getElementById('charts').textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const short = (v) => {
    if (v === null || v === undefined) return '–';
    const size = Math.abs(v);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return v.toExponential(2).replace(/\\.?0+e/, 'e');
    return String(Number(v.toPrecision(4)));
  };
  const dashes = { first: undefined, second: [7, 4], third: undefined, reference: [2, 4] };
  // Of a logarithmic axis only the powers of ten.
  const tens = (u, ticks) => ticks.map((v) => (/^1(e|0*$)|^0\\.0*1$/.test(String(v)) ? v : null));
  const axis = (label, log, more) => ({
    label, labelSize: 22, labelFont: '12px system-ui', font: '12px system-ui', stroke: colour('--quiet'),
    grid: { stroke: colour('--line'), width: 1, ...(log && { filter: tens }) },
    ticks: { stroke: colour('--line'), width: 1, ...(log && { filter: tens }) }, ...more,
  });
  const draw = (element, chart) => {
    element.replaceChildren();
    const whole = !chart.unit && !chart.logX;
    const scale = (log) => (log ? { distr: 3, time: false } : { time: false });
    const options = {
      width: element.clientWidth, height: 250,
      scales: {
        x: { ...scale(chart.logX), ...(chart.unit && { range: [0, 1] }) },
        y: { ...scale(chart.logY), ...(chart.unit && { range: [0, 1.02] }) },
      },
      // Away from the curves the legend tells where they end.
      hooks: {
        setCursor: [
          (u) => {
            if (whole && u.cursor.idx === null) u.setLegend({ idx: chart.x.length - 1 });
          },
        ],
      },
      legend: { live: whole },
      axes: [
        axis(chart.xLabel, chart.logX, {
          size: 34, space: 60,
          ...(whole && { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 1e5] }),
          values: (u, ticks) => ticks.map((v) => (v === null ? '' : short(v))),
        }),
        axis(chart.yLabel, chart.logY, {
          size: 58, space: 34, values: (u, ticks) => ticks.map((v) => (v === null ? '' : short(v))),
        }),
      ],
      series: [
        { label: chart.xLabel, value: (u, v) => short(v) },
        ...chart.series.map(({ label, style, points }) => ({
          label, stroke: colour('--' + style), width: style === 'reference' ? 1.5 : 2, dash: dashes[style],
          spanGaps: true, value: (u, v) => short(v),
          points: { show: points || chart.x.length < 2, size: 7 },
        })),
      ],
    };
    const plot = new uPlot(options, [chart.x, ...chart.series.map(({ values }) => values)], element);
    if (whole) plot.setLegend({ idx: chart.x.length - 1 });
  };
  const all = () => {
    for (const element of document.querySelectorAll('[data-chart]')) {
      draw(element, charts[Number(element.dataset.chart)]);
    }
  };
  all();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', all);
  let width = innerWidth;
  let waiting;
  addEventListener('resize', () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(all, 100);
  });
  document.documentElement.dataset.drawn = charts.length;
})();
`;
