/** HTML reports. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { renderReport } from '../report/report.ts';
import type { ReportContent } from '../report/report.ts';
import { encodeImage } from './picture-folder.ts';
import { writeFileWhole } from './write-file.ts';

const require = createRequire(import.meta.url);
const fileOf = (name: string) => readFile(require.resolve(name), 'utf8');

/**
 * Writes a page that holds everything in itself and loads nothing: curves, confusion matrix, samples, model
 * and settings, as far as they are given. Opens in any browser, light or dark, from disk or mail. Whole or
 * not at all.
 */
export async function writeReport(path: string, content: ReportContent): Promise<void> {
  await writeFileWhole(path, await reportHtml(content));
}

/** The page as text. */
export async function reportHtml(content: ReportContent): Promise<string> {
  const [plotScript, plotStyle] = await Promise.all([
    fileOf('uplot/dist/uPlot.iife.min.js'),
    fileOf('uplot/dist/uPlot.min.css'),
  ]);
  return renderReport(content, {
    plotScript,
    plotStyle,
    png: encodeImage,
    now: new Date(),
  });
}
