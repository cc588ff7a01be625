/** Three kinds of iris by the size of their leaves. */
import { dot } from '@observablehq/plot';
import { chart } from '../common/chart.ts';
import type { Example, Run } from '../common/example.ts';
import { crossValidated, readTable, shipClassifier } from '../common/tabular.ts';
import type { ClassifierOptions } from '../common/tabular.ts';

const columns = ['sepal length', 'sepal width', 'petal length', 'petal width', 'species'];

async function tellApart(run: Run): Promise<void> {
  const { quick } = run.options;
  const table = await readTable('iris.csv', columns);
  const options: ClassifierOptions = {
    table,
    target: 'species',
    hidden: [16],
    epochs: quick ? 25 : 60,
    folds: quick ? 3 : 10,
  };
  const { accuracy, deviation, matrix, chosen, wanted } = await crossValidated(run, options);
  run.say(`${table.length} flowers, each judged by a network that has not seen it`);
  run.say('(rows: what it is, columns: what was seen)');
  run.say(matrix.toString());
  run.measure({
    what: `accuracy, ${options.folds}-fold cross-validation`,
    value: accuracy,
    unit: '%',
    atLeast: 93,
  });
  run.measure({ what: 'standard deviation between folds', value: deviation, unit: '%' });

  const flowers = Array.from({ length: table.length }, (_, i) => ({
    ...table.row(i),
    right: chosen[i] === wanted[i],
  }));
  await run.write(
    'iris.svg',
    chart({
      title: 'Petals in cm; crossed out: taken for another kind',
      grid: true,
      color: { legend: true },
      marks: [
        dot(flowers, { x: 'petal length', y: 'petal width', stroke: 'species', fill: 'species' }),
        dot(
          flowers.filter(({ right }) => !right),
          { x: 'petal length', y: 'petal width', symbol: 'times', r: 7, stroke: 'black' },
        ),
      ],
    }),
  );
  await shipClassifier(run, 'iris', options);
}

export const iris: Example = {
  name: 'iris',
  summary: 'Tells three kinds of iris apart by four measurements',
  run: tellApart,
};
