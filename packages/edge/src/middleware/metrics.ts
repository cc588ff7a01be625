/** Metrics in Prometheus's text format, counted by hand: its own client needs Node. */

import { Active } from './active.ts';

type Labels = Readonly<Record<string, string>>;

const escape = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

const labelled = (labels: Labels): string => {
  const list = Object.entries(labels).map(([key, value]) => `${key}="${escape(value)}"`);
  return list.length === 0 ? '' : `{${list.join(',')}}`;
};

class Counter {
  readonly name: string;
  readonly help: string;
  readonly type = 'counter';
  readonly #values = new Map<string, number>();

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }
  add(labels: Labels, by = 1): void {
    const key = labelled(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }
  lines(): string[] {
    return [...this.#values].map(([labels, value]) => `${this.name}${labels} ${value}`);
  }
}

/** Upper bounds in seconds. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

class Histogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly #series = new Map<string, { labels: Labels; counts: number[]; sum: number }>();

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }
  observe(labels: Labels, seconds: number): void {
    const key = labelled(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 };
      this.#series.set(key, series);
    }
    const at = bounds.findIndex((bound) => seconds <= bound);
    series.counts[at < 0 ? bounds.length : at]! += 1;
    series.sum += seconds;
  }
  lines(): string[] {
    return [...this.#series.values()].flatMap(({ labels, counts, sum }) => {
      let below = 0;
      const buckets = [...bounds.map(String), '+Inf'].map((le, i) => {
        below += counts[i]!;
        return `${this.name}_bucket${labelled({ ...labels, le })} ${below}`;
      });
      const own = labelled(labels);
      return [...buckets, `${this.name}_sum${own} ${sum}`, `${this.name}_count${own} ${below}`];
    });
  }
}

/** What one isolate or process has seen since it began. */
export class Metrics {
  readonly requests = new Counter('hebb_requests_total', 'Requests by route, method and status.');
  readonly errors = new Counter('hebb_errors_total', 'Refused and failed requests by code.');
  readonly latency = new Histogram(
    'hebb_request_duration_seconds',
    'Time to the end of the answer.',
  );
  readonly active = new Active(30_000);
  readonly coldStarts = new Counter(
    'hebb_cold_starts_total',
    'Requests that waited for a model to load.',
  );
  readonly loads = new Counter('hebb_model_loads_total', 'Loads of models.');
  readonly loadTime = new Histogram('hebb_model_load_seconds', 'Time that loads took.');
  readonly versionReads = new Counter(
    'hebb_version_reads_total',
    'Times that the source of versions was asked, by outcome.',
  );
  readonly versionSwitches = new Counter(
    'hebb_version_switches_total',
    'Versions that the source named, by what became of them.',
  );
  readonly tokens = new Counter('hebb_tokens_total', 'Tokens of prompts and texts.');
  readonly jobMessages = new Counter(
    'hebb_job_messages_total',
    'Parts of jobs by what became of them.',
  );
  readonly jobRows = new Counter('hebb_job_rows_total', 'Rows of jobs, answered or in error.');
  readonly cache = new Counter('hebb_cache_total', 'Predictions by what the cache had of them.');

  /** The text that Prometheus scrapes. */
  toString(): string {
    const inFlight = {
      name: 'hebb_requests_in_flight',
      help: 'Requests being answered.',
      type: 'gauge',
      lines: () => [`hebb_requests_in_flight ${this.active.size}`],
    };
    const all = [
      this.requests,
      this.errors,
      this.latency,
      inFlight,
      this.coldStarts,
      this.loads,
      this.loadTime,
      this.versionReads,
      this.versionSwitches,
      this.tokens,
      this.cache,
      this.jobMessages,
      this.jobRows,
    ];
    const text = all.map((metric) => {
      const { name, help, type } = metric;
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...metric.lines(), ''].join('\n');
    });
    return text.join('');
  }
}
