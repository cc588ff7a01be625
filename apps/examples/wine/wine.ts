/** The cultivar of a wine by its chemistry, and which measurements tell. */
import { permutation } from '@hebb/data';
import type { Table } from '@hebb/data';
import { barX, ruleX, text } from '@observablehq/plot';
import { chart } from '../common/chart.ts';
import type { Example, Run } from '../common/example.ts';
import { crossValidated, readTable, shipClassifier } from '../common/tabular.ts';
import type { ClassifierOptions } from '../common/tabular.ts';

const measurements = [
  'alcohol',
  'malic acid',
  'ash',
  'alcalinity of ash',
  'magnesium',
  'phenols',
  'flavanoids',
  'nonflavanoid phenols',
  'proanthocyanins',
  'color intensity',
  'hue',
  'OD280/OD315',
  'proline',
];

/** The rows with the values of one column dealt out anew. */
function shuffled(rows: Table, column: string, seed: number): Table {
  const values = rows.numbers(column);
  const order = permutation(rows.length, seed);
  return rows.with({ [column]: values.map((_, i) => values[order[i]!]!) });
}

async function tellApart(run: Run): Promise<void> {
  const { quick } = run.options;
  const table = await readTable('wine.csv', [...measurements, 'cultivar'], {
    types: { cultivar: 'string' },
  });
  const options: ClassifierOptions = {
    table,
    target: 'cultivar',
    hidden: [16],
    epochs: quick ? 20 : 40,
    folds: quick ? 3 : 10,
  };
  const repeats = quick ? 2 : 10;
  const lost = new Map(measurements.map((name) => [name, 0]));
  const classes = [...new Set(table.strings('cultivar'))].sort();
  const network = await crossValidated(run, options, async (test, predict) => {
    // What a network loses when it is lied to about one measurement of the wines it is judged by.
    const rows = table.take(test);
    const wanted = rows.strings('cultivar').map((name) => classes.indexOf(name));
    const right = (found: Int32Array): number => found.filter((k, i) => k === wanted[i]).length;
    const before = right(await predict(rows));
    for (const name of measurements) {
      for (let k = 0; k < repeats; k++) {
        const after = right(await predict(shuffled(rows, name, k)));
        lost.set(name, lost.get(name)! + (before - after) / repeats);
      }
    }
  });
  const linear = await crossValidated(run, { ...options, hidden: [] });
  run.say(`${table.length} wines, each judged by a network that has not seen it`);
  run.say('(rows: what it is, columns: what was tasted)');
  run.say(network.matrix.toString());
  for (const [what, { accuracy, deviation }] of [
    ['network', network],
    ['linear model', linear],
  ] as const) {
    run.measure({
      what: `accuracy of the ${what}, ${options.folds}-fold cross-validation`,
      value: accuracy,
      unit: '%',
      atLeast: 95,
    });
    run.measure({ what: `${what}: deviation between folds`, value: deviation, unit: '%' });
  }
  const importance = [...lost].map(([name, count]) => ({
    name,
    // Without the sign of a zero.
    points: Math.round((1000 * count) / table.length) / 10 || 0,
  }));
  await run.write(
    'wine.svg',
    chart({
      title: 'Percent points lost when the values of one measurement are mixed up',
      marginLeft: 160,
      marginRight: 40,
      x: { label: 'percent points' },
      y: { label: null },
      marks: [
        barX(importance, { x: 'points', y: 'name', fill: '#8e2440', sort: { y: '-x' } }),
        text(importance, {
          x: 'points',
          y: 'name',
          text: ({ points }: { readonly points: number }) => points.toFixed(1),
          textAnchor: 'start',
          dx: 4,
        }),
        ruleX([0]),
      ],
    }),
  );
  await shipClassifier(run, 'wine', options);
}

export const wine: Example = {
  name: 'wine',
  summary: 'Tells the cultivar of a wine by thirteen measurements, and which of them count',
  run: tellApart,
};
