/** `hebb create`: a worker project to begin with. */
import { basename, resolve } from 'node:path';
import { buildProject } from '../deploy/build.ts';
import type { ProjectOptions } from '../deploy/build.ts';

export interface CreateOptions extends Omit<ProjectOptions, 'dir'> {
  readonly model?: string;
}

/** Writes it and says how to go on. */
export async function create(
  folder: string,
  { model, ...options }: CreateOptions,
  print: (line: string) => void,
): Promise<void> {
  const name = options.name ?? basename(resolve(folder));
  const project = await buildProject(model, { ...options, name, dir: folder });
  for (const [path, fate] of project.files) print(`${folder}/${path}: ${fate}`);
  print('');
  print(`cd ${folder}`);
  print('npm install');
  print('npm run dev');
  print(`npx hebb deploy ${model === undefined ? 'model' : 'MODEL'} --dir .`);
}
