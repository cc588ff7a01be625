/** What was asked for, without where this machine keeps its files. */
export function commandLine(args: readonly string[]): string {
  const local = ['--json', '--markdown', '--html', '--python'];
  const kept = args.filter((arg, i) => !local.includes(arg) && !local.includes(args[i - 1] ?? ''));
  return ['npm run bench --', ...kept].join(' ').replace(/ --$/, '');
}
