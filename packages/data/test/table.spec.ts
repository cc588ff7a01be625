import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  Imputer,
  LabelEncoder,
  MinMaxScaler,
  OneHotEncoder,
  OrdinalEncoder,
  RobustScaler,
  StandardScaler,
  Table,
  TablePipeline,
  csvRecords,
  labelEncoderFromJSON,
  ndarray,
  readCsv,
  transformerFromJSON,
} from '../src/index.ts';
import type { DataError } from '../src/index.ts';
import { csvFileRecords, readCsvFile } from '../src/node.ts';
import { shared } from './shared.ts';

const matrix = (rows: number[][]) =>
  ndarray(Float64Array.from(rows.flat()), [rows.length, rows[0]!.length]);
const rowsOf = (table: Table) => Array.from({ length: table.length }, (_, i) => table.row(i));
const wines = '"fixed acidity";"quality"\n7.4;5\n7.8;6\n';

describe('readCsv', () => {
  it('reads quotes, doubled quotes, delimiters and line ends inside them', () => {
    const table = readCsv('name,note\r\n"Doe, J.","said ""no""\r\nand left"\r\nX, y \r\n');
    expect(table.names).toEqual(['name', 'note']);
    expect(table.strings('name')).toEqual(['Doe, J.', 'X']);
    expect(table.strings('note')).toEqual(['said "no"\r\nand left', 'y']);
  });

  it('infers numbers, takes other delimiters, and keeps what is missing', () => {
    const table = readCsv(wines, { delimiter: ';' });
    expect(table.numbers('fixed acidity')).toEqual(Float64Array.of(7.4, 7.8));
    const gaps = readCsv('\uFEFFa,b,c\n1,NA,x\n-2e3,.5,\n', {});
    expect(rowsOf(gaps)).toEqual([
      { a: 1, b: NaN, c: 'x' },
      { a: -2000, b: 0.5, c: null },
    ]);
    expect(gaps.missing()).toEqual({ a: 0, b: 1, c: 1 });
    expect(gaps.dropMissing('b').length).toBe(1);
    // Names of digits would not keep their place as keys of an object.
    expect(readCsv('5,6\n', { header: false }).names).toEqual(['x0', 'x1']);
    expect(readCsv('5,6\n', { header: ['u', 'v'], columns: ['v'] }).row(0)).toEqual({ v: 6 });
    expect(readCsv('id\n007\n', { types: { id: 'string' } }).column('id')).toEqual(['007']);
    // One value that is no number makes the column one of strings, as they were written.
    expect(readCsv('id\n007\nx\n').column('id')).toEqual(['007', 'x']);
  });

  it('gives the same table whatever the pieces', async () => {
    const text = 'a,b\r\n# no row\r\n1,"x\r\n""é"""\r\n\r\n2,"y"\r\n';
    const bytes = new TextEncoder().encode(text);
    for (const size of [1, 2, 3, 7, 100]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.slice(i * size, (i + 1) * size),
      );
      const records = [];
      for await (const record of csvRecords(pieces, { comment: '#' })) records.push(record);
      expect(records).toEqual([
        { fields: ['a', 'b'], line: 1 },
        { fields: ['1', 'x\r\n"é"'], line: 3 },
        { fields: ['2', 'y'], line: 6 },
      ]);
    }
  });

  it('names file and line of a bad row, or skips it', () => {
    const text = 'a,b\n1,2\n"x\ny",4\n5\n6,z"z\n7,8\n';
    expect(() => readCsv(text, { name: 'f.csv' })).toThrow(
      'f.csv, line 5: the row has another number of fields (got 1, wanted 2)',
    );
    const seen: string[] = [];
    const table = readCsv(text, {
      types: { a: 'number' },
      onBadRow: 'skip',
      onSkip: (error: DataError) => seen.push(error.message),
    });
    expect(table.numbers('a')).toEqual(Float64Array.of(1, 6, 7));
    expect(seen.map((message) => message.match(/line \d+: .*?(?= \()/)?.[0])).toEqual([
      'line 3: column "a" is not a number',
      'line 5: the row has another number of fields',
    ]);
    expect(() => readCsv('a,b\n1,"2"3\n4,5\n')).toThrow('line 2');
    expect(() => readCsv('a\n"never closed\n1\n2\n')).toThrow('line 2');
    expect(() => readCsv(`a\n"${'x'.repeat(3000)}`, { maxRowLength: 1000 })).toThrow(
      /line 2: a row does not end/,
    );
    expect(() => readCsv('a,b\n1,\n', { onMissing: 'bad' })).toThrow(/line 2: column "b" has no/);
    expect(readCsv('a,b\n1,\n2,3\n', { onMissing: 'drop' }).length).toBe(1);
    expect(() => readCsv('a,a\n1,2\n')).toThrow('two columns are named "a"');
    expect(() => readCsv('a\n')).toThrow('has no rows');
    expect(() => readCsv('')).toThrow('has no rows');
    expect(() => readCsv('a\n1\n', { columns: ['z'] })).toThrow('has no column "z" (wanted a)');
    expect(() => readCsv(Uint8Array.of(97, 10, 0xff, 10))).toThrow('is not UTF-8');
    expect(() => readCsv('a\n1\n', { delimiter: '||' })).toThrow('delimiter is one character');
  });

  it('reads files, gzip-compressed too, and names those that are not there or damaged', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hebb-csv-'));
    try {
      const [plain, packed, broken] = ['a.csv', 'b.csv.gz', 'c.csv.gz'].map((n) => join(folder, n));
      await writeFile(plain!, wines);
      await writeFile(packed!, gzipSync(wines));
      await writeFile(broken!, gzipSync(wines.repeat(100)).subarray(0, 30));
      const table = await readCsvFile(plain!, { delimiter: ';' });
      expect(rowsOf(await readCsvFile(packed!, { delimiter: ';' }))).toEqual(rowsOf(table));
      await expect(readCsvFile(broken!)).rejects.toThrow(/c\.csv\.gz cannot be read/);
      await expect(readCsvFile(join(folder, 'none.csv'))).rejects.toMatchObject({
        kind: 'missing',
      });
      let rows = 0;
      for await (const { fields } of csvFileRecords(plain!, { delimiter: ';' })) {
        rows += fields.length;
        if (rows > 2) break;
      }
      expect(rows).toBe(4);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('Table', () => {
  const table = readCsv('a,b,kind\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n');

  it('selects, drops, filters and takes', () => {
    expect(table.select('kind', 'a').names).toEqual(['kind', 'a']);
    expect(table.drop('b').names).toEqual(['a', 'kind']);
    expect(table.filter((row) => row['kind'] === 'x').numbers('a')).toEqual(Float64Array.of(1, 5));
    expect(table.take([3, 0]).numbers('b')).toEqual(Float64Array.of(8, 2));
    expect(table.with({ a: [0, 0, 0, 0], c: ['p', null, 'q', 'r'] }).row(1)).toEqual({
      a: 0,
      b: 4,
      kind: 'y',
      c: null,
    });
    expect(rowsOf(Table.fromRows(rowsOf(table)))).toEqual(rowsOf(table));
    expect(() => table.column('z')).toThrow('there is no column "z" (wanted a, b, kind)');
    expect(() => table.numbers('kind')).toThrow('column "kind" is not of numbers');
    expect(() => table.take([4])).toThrow('no such row');
    expect(() => new Table({ a: [1], b: [1, 2] })).toThrow('differ in length');
    expect(() => new Table({ a: ['x', 1 as never] })).toThrow('mixed types');
  });

  it('becomes a data set', () => {
    const labels = LabelEncoder.fit(table.column('kind'));
    const { x, y } = table.toDataset({ target: 'kind', labels }).columns;
    expect([x.shape, x.dtype, [...x.data]]).toEqual([[4, 2], 'float32', [1, 2, 3, 4, 5, 6, 7, 8]]);
    expect([y.shape, y.dtype, [...y.data]]).toEqual([[4], 'int32', [0, 1, 0, 1]]);
    const both = table.toDataset({ features: ['b'], target: ['a'] }).columns;
    expect([both.x.shape, both.y.shape]).toEqual([
      [4, 1],
      [4, 1],
    ]);
    expect(table.drop('kind').toDataset({ target: 'a' }).columns.y.shape).toEqual([4]);
    expect(() => table.toDataset({ target: 'kind' })).toThrow('target "kind" is not of numbers');
    expect(() => table.toDataset()).toThrow('column "kind" is not of numbers: encode it first');
    expect(() => readCsv('a,b\n1,2\n3,\n').toDataset()).toThrow('column "b" has no value in row 1');
  });

  it('splits by the shares of classes and names one that a part lacks', () => {
    const many = new Table({ k: Array.from({ length: 100 }, (_, i) => (i % 10 ? 'no' : 'yes')) });
    const [train, test] = many.split([0.8, 0.2], { seed: 3, stratify: 'k' });
    const yes = (part: Table) => part.strings('k').filter((k) => k === 'yes').length;
    expect([train!.length, yes(train!), test!.length, yes(test!)]).toEqual([80, 8, 20, 2]);
    expect(() =>
      table.with({ k: ['p', 'q', 'q', 'q'] }).split([0.5, 0.5], { stratify: 'k' }),
    ).toThrow(/class p \(1 samples\) is missing from part/);
  });
});

// The numbers are those of the examples in scikit-learn's reference.
describe('scalers', () => {
  it('standardise', () => {
    const scaler = StandardScaler.fit(matrix([[0, 0], [0, 0], [1, 1], [1, 1]])); // prettier-ignore
    expect(scaler.shift).toEqual([0.5, 0.5]);
    expect([...scaler.transform(matrix([[2, 2]])).data]).toEqual([3, 3]);
    expect([...scaler.inverseTransform(matrix([[3, 3]])).data]).toEqual([2, 2]);
  });

  it('scale to a range', () => {
    const rows = matrix([[-1, 2], [-0.5, 6], [0, 10], [1, 18]]); // prettier-ignore
    const scaler = MinMaxScaler.fit(rows);
    expect([...scaler.transform(rows).data]).toEqual([0, 0, 0.25, 0.25, 0.5, 0.5, 1, 1]);
    expect([...scaler.transform(matrix([[2, 2]])).data]).toEqual([1.5, 0]);
    const wide = MinMaxScaler.fit(rows, { featureRange: [-1, 1] });
    expect([...wide.transform(rows).data]).toEqual([-1, -1, -0.5, -0.5, 0, 0, 1, 1]);
  });

  it('scale by quantiles', () => {
    const rows = matrix([[1, -2, 2], [-2, 1, 3], [4, 1, -2]]); // prettier-ignore
    const scaled = [...RobustScaler.fit(rows).transform(rows).data] as number[];
    [0, -2, 0, -1, 0, 0.4, 1, 0, -1.6].forEach((want, i) =>
      expect(scaled[i]).toBeCloseTo(want, 14),
    );
  });

  it('leave constant columns at 0, or refuse them', () => {
    const table = new Table({ a: [1, 2, 3], b: [0.1, 0.1, 0.1], c: [NaN, 4, 6] });
    for (const kind of [StandardScaler, MinMaxScaler, RobustScaler]) {
      const scaler = kind.fit(table);
      expect(scaler.constant).toEqual(['b']);
      expect(scaler.scale[1]).toBe(1);
      for (const value of scaler.transform(table).numbers('b')) expect(value).toBeCloseTo(0, 14);
      // Missing values do not count, and stay.
      expect(scaler.transform(table).numbers('c')[0]).toBeNaN();
      expect(() => kind.fit(table, { onConstant: 'error' })).toThrow('one value only: b');
    }
    expect(StandardScaler.fit(table).shift[2]).toBe(5);
    expect(() => StandardScaler.fit(new Table({ a: [NaN] }))).toThrow('"a" has no values');
    expect(() => StandardScaler.fit(new Table({ a: [Infinity] }))).toThrow('"a" is not finite');
    expect(() => StandardScaler.fit(table).transform(matrix([[1]]))).toThrow('[N,3]');
    const part = StandardScaler.fit(table, { columns: ['a'] }).transform(table);
    expect(part.numbers('b')).toBe(table.numbers('b'));
  });
});

describe('encoders', () => {
  const people = new Table({ sex: ['Male', 'Female', 'Female'], group: [1, 3, 2] });
  const columns = ['sex', 'group'];

  it('number labels', () => {
    const labels = LabelEncoder.fit(['paris', 'paris', 'tokyo', 'amsterdam']);
    expect(labels.classes).toEqual(['amsterdam', 'paris', 'tokyo']);
    expect([...labels.transform(['tokyo', 'tokyo', 'paris']).data]).toEqual([2, 2, 1]);
    expect(labels.inverseTransform([2, 2, 1])).toEqual(['tokyo', 'tokyo', 'paris']);
    expect([...LabelEncoder.fit([10, 9, 2]).transform([2, 10]).data]).toEqual([0, 2]);
    expect(() => labels.transform(['paris', 'rome'])).toThrow(
      'an unknown label in row 1 (got "rome", wanted one of "amsterdam", "paris", "tokyo")',
    );
    expect(() => labels.inverseTransform([3])).toThrow('no such class');
    expect(() => LabelEncoder.fit(['a', null])).toThrow('no value in row 1');
    expect(labelEncoderFromJSON(JSON.parse(JSON.stringify(labels))).classes).toEqual(
      labels.classes,
    );
  });

  it('make a column of each category', () => {
    const encoder = OneHotEncoder.fit(people, { columns, handleUnknown: 'ignore' });
    const coded = encoder.transform(new Table({ sex: ['Female', 'Male'], group: [1, 4] }));
    expect(coded.names).toEqual(['sex_Female', 'sex_Male', 'group_1', 'group_2', 'group_3']);
    expect([...coded.toMatrix().data]).toEqual([1, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    const first = OneHotEncoder.fit(people, { columns, drop: 'first' }).transform(people);
    expect(first.names).toEqual(['sex_Male', 'group_2', 'group_3']);
    const binary = OneHotEncoder.fit(people, { columns, drop: 'if_binary' }).transform(people);
    expect(binary.names).toEqual(['sex_Male', 'group_1', 'group_2', 'group_3']);
    const strict = OneHotEncoder.fit(people);
    expect(() => strict.transform(new Table({ sex: ['X'], group: [1] }))).toThrow(
      /column "sex": an unknown label in row 0 \(got "X"/,
    );
  });

  it('number categories', () => {
    const encoder = OrdinalEncoder.fit(people, { columns });
    const coded = encoder.transform(new Table({ sex: ['Female', 'Male'], group: [3, 1] }));
    expect([...coded.toMatrix().data]).toEqual([0, 2, 1, 0]);
    const sizes = new OrdinalEncoder({ s: ['S', 'M'] }, { handleUnknown: 'use_encoded_value' });
    expect(sizes.transform(new Table({ s: ['M', 'XL'] })).numbers('s')).toEqual(
      Float64Array.of(1, -1),
    );
  });

  it('put in what is missing', () => {
    const imputer = Imputer.fit(
      Table.fromMatrix(matrix([[7, 2, 3], [4, NaN, 6], [10, 5, 9]])), // prettier-ignore
    );
    const filled = imputer.transform(
      Table.fromMatrix(matrix([[NaN, 2, 3], [4, NaN, 6], [10, NaN, 9]])), // prettier-ignore
    );
    expect([...filled.toMatrix().data]).toEqual([7, 2, 3, 4, 3.5, 6, 10, 3.5, 9]);
    const gaps = new Table({ a: [1, NaN, 2, 2], s: ['x', null, 'y', 'y'] });
    const frequent = Imputer.fit(gaps, { strategy: 'most_frequent', addIndicator: true });
    expect(rowsOf(frequent.transform(gaps))[1]).toEqual({
      a: 2,
      s: 'y',
      a_missing: 1,
      s_missing: 1,
    });
    expect(Imputer.fit(gaps, { columns: ['a'], strategy: 'median' }).fill).toEqual({ a: 2 });
    expect(() => Imputer.fit(new Table({ a: [NaN] }))).toThrow('column "a" has no values');
    expect(() => Imputer.fit(gaps, { strategy: 'mean' })).toThrow('strings, which have no mean');
  });

  it('work one after the other, and after a journey as JSON', () => {
    const train = readCsv('t,w,k\n1,N,1\n,S,1\n3,N,1\n');
    const pipeline = TablePipeline.fit(train, [
      (t) => Imputer.fit(t),
      (t) => OneHotEncoder.fit(t),
      (t) => StandardScaler.fit(t, { columns: ['t', 'k'] }),
    ]);
    const table = readCsv('t,w,k\n5,S,1\n');
    const x = pipeline.transform(table).toMatrix();
    expect([...x.data]).toEqual([Math.fround(3 / Math.sqrt(2 / 3)), 0, 1, 0]);
    const again = transformerFromJSON(JSON.parse(JSON.stringify(pipeline)));
    expect(again.transform(table).toMatrix()).toEqual(x);
    expect(() => transformerFromJSON({ kind: 'nothing' })).toThrow('not a transformer');
    expect(() => transformerFromJSON(null)).toThrow("not a transformer's JSON");
  });
});

const tabular = shared('datasets/tabular');
const withData = existsSync(tabular) ? it : it.skip;
if (!existsSync(tabular)) console.warn(`${tabular} is not there: its files are not read`);
const file = (name: string) => join(tabular, name);

describe('data sets', () => {
  withData('read iris, wine quality, breast cancer and pollution', async () => {
    const iris = await readCsvFile(file('iris.csv'), { header: false });
    expect(LabelEncoder.fit(iris.column('x4')).classes).toHaveLength(3);
    const { shift, scale } = StandardScaler.fit(iris.select('x0', 'x1', 'x2', 'x3'));
    // Means and deviations as the file iris.names states them, to two digits (deviations by N - 1).
    expect(shift.map((v) => v.toFixed(2))).toEqual(['5.84', '3.05', '3.76', '1.20']);
    expect(scale.map((v) => (v * Math.sqrt(150 / 149)).toFixed(2))).toEqual([
      '0.83',
      '0.43',
      '1.76',
      '0.76',
    ]);
    const cancer = await readCsvFile(file('breast-cancer-wisconsin.csv'), { header: false });
    // breast-cancer-wisconsin.names counts 16 rows with a missing value.
    expect(cancer.length - cancer.dropMissing().length).toBe(16);
    const pollution = await readCsvFile(file('pollution.csv'));
    expect([pollution.length, pollution.missing()['pm2.5']]).toEqual([43824, 2067]);
    expect(pollution.type('cbwd')).toBe('string');
    const red = await readCsvFile(file('winequality-red.csv'), { header: false });
    expect(red.length).toBe(1599);
  });
});
