/** What is deployed now, and going back to it. */
import { runWrangler } from '@hebb/edge/node';

export interface Target {
  readonly directory: string;
  readonly env?: string;
  readonly name?: string;
}

export const targetArguments = ({ env, name }: Target): string[] => [
  ...(env === undefined ? [] : ['--env', env]),
  ...(name === undefined ? [] : ['--name', name]),
];

/** The version that gets all requests; `undefined` where there is none, or more than one. */
export async function deployedVersion(target: Target): Promise<string | undefined> {
  const { code, output } = await runWrangler(target.directory, [
    ...['deployments', 'status', '--json'],
    ...targetArguments(target),
  ]);
  if (code !== 0) return undefined;
  try {
    const from = output.indexOf('{');
    const { versions = [] } = JSON.parse(output.slice(from, output.lastIndexOf('}') + 1)) as {
      versions?: { version_id: string; percentage: number }[];
    };
    return versions.find(({ percentage }) => percentage === 100)?.version_id;
  } catch {
    return undefined;
  }
}

/** Back to a version; left out, to the one before the present one. Returns whether it went well. */
export async function rollBack(
  target: Target,
  version: string | undefined,
  message: string,
  echo: (text: string) => void,
): Promise<boolean> {
  const { code } = await runWrangler(
    target.directory,
    [
      ...['rollback', ...(version === undefined ? [] : [version])],
      ...['--yes', '--message', message],
      ...targetArguments(target),
    ],
    { echo },
  );
  return code === 0;
}
